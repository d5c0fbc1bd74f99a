// What Square's frame adds to the common one: a postal code, and following the bank's question. It comes after card.js and
// before the page outside has answered its greeting.
'use strict';

PARTS.payment = ['number', 'expiry', 'cvc', 'postal'];
WORDS.incomplete_postal = 'Your postal code is incomplete.';
CHECKS.postal = () => (field('postal').value.trim().length < 3 ? 'incomplete_postal' : null);
FORMATS.postal = (_digits, typed) => typed.toUpperCase().slice(0, 10);

// The numbers of UnionPay need not pass the check that all others do.
const checkNumber = CHECKS.number;
CHECKS.number = () => {
  const number = digits('number'), [name, , , lengths] = brandOf(number);
  return name === 'unionpay' && lengths.includes(number.length) ? null : checkNumber();
};

METHODS.post = (asked) => post({ ...asked, form: { ...asked.form, postal: field('postal').value.trim() } });

METHODS.send = async ({ path, form }) => {
  const said = form && { method: 'POST', body: new URLSearchParams(form), headers: { Authorization: `Bearer ${publishableKey}` } };
  try {
    return await (await fetch(path, said)).json();
  } catch {
    return { error: { type: 'api_connection_error', message: 'We could not reach the payment processor. Please try again.' } };
  }
};

METHODS.mark = (part) => field(part).setAttribute('aria-invalid', 'true');
METHODS.focusOn = (part) => field(part).focus();

const postal = field('postal');
postal.addEventListener('input', () => { reformat('postal'); if (!problem('postal')) touched.add('postal'); tell(); });
postal.addEventListener('focus', () => send('focus', { elementType: kind, part: 'postal' }));
postal.addEventListener('blur', () => { touched.add('postal'); tell(); send('blur', { elementType: kind, part: 'postal' }); });
document.querySelectorAll('[data-card]').forEach((button) => button.addEventListener('click', () => {
  postal.value = '94103';
  if (brandOf(digits('number'))[0] === 'amex') field('cvc').value = '1234';
  touched.add('postal');
  tell();
}));

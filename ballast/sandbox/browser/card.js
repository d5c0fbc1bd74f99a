// The frame a card is typed into. What is typed stays here: the page outside learns whether it is complete, and gets the
// answers of the API, never a number.
'use strict';

const BRANDS = [
  ['visa', 'Visa', /^4/, [16], 3],
  ['mastercard', 'Mastercard', /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16], 3],
  ['amex', 'Amex', /^3[47]/, [15], 4],
  ['discover', 'Discover', /^(6011|64[4-9]|65)/, [16], 3],
  ['diners', 'Diners', /^3(0|6|8)/, [14, 16], 3],
  ['jcb', 'JCB', /^35/, [16], 3],
  ['unionpay', 'UnionPay', /^62/, [16, 17, 18, 19], 3],
];
const UNKNOWN = ['unknown', '', /^/, [16], 3];
const WORDS = {
  incomplete_number: 'Your card number is incomplete.',
  invalid_number: 'Your card number is invalid.',
  incomplete_expiry: "Your card's expiration date is incomplete.",
  invalid_expiry_month: "Your card's expiration month is invalid.",
  invalid_expiry_year_past: "Your card's expiration year is in the past.",
  invalid_expiry_month_past: "Your card's expiration date is in the past.",
  incomplete_cvc: "Your card's security code is incomplete.",
};
const COLORS = { colorText: '--text', colorTextPlaceholder: '--placeholder', colorDanger: '--danger', colorPrimary: '--primary',
  colorBackground: '--background', borderRadius: '--radius', fontSizeBase: '--size', fontFamily: '--font' };
const PARTS = { card: ['number', 'expiry', 'cvc'], payment: ['number', 'expiry', 'cvc'], cardNumber: ['number'], cardExpiry: ['expiry'], cardCvc: ['cvc'] };

const root = document.documentElement;
const field = (part) => document.getElementById(part);
const digits = (part) => field(part).value.replace(/\D/g, '');
const brandOf = (number) => (number && BRANDS.find((brand) => brand[2].test(number))) || UNKNOWN;
const touched = new Set();
let port, publishableKey, channel, kind = 'card', parts = PARTS.card;

function isLuhnValid(number) {
  let sum = 0;
  [...number].reverse().forEach((digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  });
  return sum % 10 === 0;
}

const CHECKS = {
  number() {
    const number = digits('number'), lengths = brandOf(number)[3];
    if (number.length < lengths[0]) return 'incomplete_number';
    return lengths.includes(number.length) && isLuhnValid(number) ? null : 'invalid_number';
  },
  expiry() {
    const { month, year } = readExpiry();
    if (month > 12 || (digits('expiry').length >= 2 && month < 1)) return 'invalid_expiry_month';
    if (!month || !year) return 'incomplete_expiry';
    const today = new Date(), thisYear = today.getFullYear();
    if (year < thisYear) return 'invalid_expiry_year_past';
    return year === thisYear && month < today.getMonth() + 1 ? 'invalid_expiry_month_past' : null;
  },
  cvc() {
    const length = digits('cvc').length;
    const wanted = parts.includes('number') ? [brandOf(digits('number'))[4]] : [3, 4];
    return wanted.includes(length) ? null : 'incomplete_cvc';
  },
};

function readExpiry() {
  const [month, year = ''] = field('expiry').value.split('/').map((text) => text.replace(/\D/g, ''));
  return { month: Number(month), year: year.length === 2 ? 2000 + Number(year) : year.length === 4 ? Number(year) : 0 };
}

// Writing as it is read: groups of four (American Express 4-6-5), a slash after the month.
const FORMATS = {
  number(text) {
    const number = text.slice(0, brandOf(text)[3].at(-1));
    const groups = brandOf(number)[0] === 'amex' ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?/ : /(\d{1,4})(\d{1,4})?(\d{1,4})?(\d{1,4})?(\d{1,3})?/;
    return number ? number.match(groups).slice(1).filter(Boolean).join(' ') : '';
  },
  expiry(text, typed) {
    let value = text;
    if (/^[2-9]$/.test(value) || (/^\d$/.test(value) && /\//.test(typed))) value = `0${value}`;
    if (value.length < 2 || (value.length === 2 && typed.endsWith(' /'))) return value.slice(0, typed.endsWith(' /') ? 1 : 2);
    return `${value.slice(0, 2)} / ${value.length > 4 ? value.slice(2, 6) : value.slice(2, 4)}`;
  },
  cvc: (text) => text.slice(0, 4),
};

function reformat(part) {
  const input = field(part), before = input.value;
  const typedBefore = before.slice(0, input.selectionStart).replace(/\D/g, '').length;
  const atEnd = input.selectionStart === before.length;
  input.value = FORMATS[part](before.replace(/\D/g, ''), before);
  if (atEnd || document.activeElement !== input) return;
  let place = 0;
  for (let seen = 0; place < input.value.length && seen < typedBefore; place += 1) seen += /\d/.test(input.value[place]);
  input.setSelectionRange(place, place);
}

function problem(part) {
  const code = CHECKS[part]();
  return code && { type: 'validation_error', code, message: WORDS[code] };
}

function showProblem(part) {
  const found = problem(part), shown = found && touched.has(part) && field(part).value !== '';
  const loud = shown || (found && touched.has('all'));
  field(part).setAttribute('aria-invalid', String(Boolean(loud)));
  field(`${part}-error`).textContent = loud ? found.message : '';
  return loud ? found : null;
}

function tell() {
  const brand = brandOf(digits('number'));
  field('brand').textContent = parts.includes('number') ? brand[1] : '';
  const shown = parts.map(showProblem).filter(Boolean);
  const state = {
    elementType: kind,
    empty: parts.every((part) => field(part).value === ''),
    complete: parts.every((part) => !problem(part)),
    error: shown[0],
  };
  if (parts.includes('number')) state.brand = brand[0];
  if (kind === 'payment') Object.assign(state, { value: { type: 'card' }, collapsed: false });
  send('change', state);
  measure();
}

const send = (event, detail) => port && port.postMessage({ event, detail });
const measure = () => send('height', Math.ceil(document.body.getBoundingClientRect().height));

// One card typed into three frames: the frame of the number asks its sisters, which share its origin, for theirs.
function collect() {
  const own = Object.fromEntries(parts.map((part) => [part, part === 'expiry' ? readExpiry() : digits(part)]));
  if (parts.length > 1 || !channel) return Promise.resolve(own);
  return new Promise((resolve) => {
    const finish = () => { channel.removeEventListener('message', hear); resolve(own); };
    const hear = ({ data }) => {
      if (data.answer) Object.assign(own, data.answer);
      if (own.expiry && own.cvc) finish();
    };
    channel.addEventListener('message', hear);
    channel.postMessage({ ask: true });
    setTimeout(finish, 500);
  });
}

function listenToSisters(group) {
  channel = new BroadcastChannel(`card-${group}`);
  channel.addEventListener('message', async ({ data }) => {
    if (data.ask && !parts.includes('number')) channel.postMessage({ answer: await ownValues() });
  });
}
const ownValues = async () => Object.fromEntries(parts.map((part) => [part, part === 'expiry' ? readExpiry() : digits(part)]));

// Posts a form with the card in it; `prefix` is where the card's fields go.
async function post({ path, form, prefix }) {
  const found = validate();
  if (found) return { error: found };
  const card = await collect();
  if (!card.expiry?.month || !card.expiry.year) return { error: { type: 'validation_error', code: 'incomplete_expiry', message: WORDS.incomplete_expiry } };
  const body = new URLSearchParams(form);
  body.set(`${prefix}[number]`, card.number);
  body.set(`${prefix}[exp_month]`, card.expiry.month);
  body.set(`${prefix}[exp_year]`, card.expiry.year);
  if (card.cvc) body.set(`${prefix}[cvc]`, card.cvc);
  try {
    const response = await fetch(path, { method: 'POST', body, headers: { Authorization: `Bearer ${publishableKey}` } });
    return await response.json();
  } catch {
    return { error: { type: 'api_connection_error', message: 'We could not reach the payment processor. Please try again.' } };
  }
}

function validate() {
  touched.add('all');
  tell();
  const wrong = parts.find((part) => problem(part));
  if (!wrong) return null;
  field(wrong).focus();
  return problem(wrong);
}

function clear() {
  touched.clear();
  parts.forEach((part) => { field(part).value = ''; });
  tell();
}

function dress({ scheme, variables = {}, style = {}, disabled, hint, placeholders }) {
  if (scheme) root.dataset.scheme = scheme;
  for (const [name, property] of Object.entries(COLORS)) if (variables[name]) root.style.setProperty(property, variables[name]);
  const base = style.base || {};
  const said = { '--text': base.color, '--font': base.fontFamily, '--size': base.fontSize, '--placeholder': base['::placeholder']?.color, '--danger': style.invalid?.color };
  for (const [property, value] of Object.entries(said)) if (value) root.style.setProperty(property, value);
  if (base.fontWeight) document.body.style.fontWeight = base.fontWeight;
  if (disabled !== undefined) parts.forEach((part) => { field(part).disabled = disabled; });
  if (hint !== undefined) field('hint').hidden = !hint;
  if (placeholders) parts.forEach((part) => { if (placeholders[part] !== undefined) field(part).placeholder = placeholders[part]; });
  measure();
}

function fill(number) {
  for (const [part, value] of [['number', number], ['expiry', '12 / 34'], ['cvc', '123']]) {
    field(part).value = value;
    touched.add(part);
    reformat(part);
  }
  tell();
}

function arrange(options) {
  kind = options.kind;
  parts = PARTS[kind];
  publishableKey = options.publishableKey;
  root.dataset.kind = kind;
  root.toggleAttribute('data-alone', parts.length === 1);
  document.querySelectorAll('.field').forEach((one) => { one.hidden = !parts.includes(one.dataset.part); });
  if (kind === 'payment') [['number', 'number'], ['expiry', 'expiry']].forEach(([part, name]) => { field(part).name = name; });
  if (options.hidden) document.querySelectorAll('input').forEach((input) => { input.tabIndex = -1; });
  listenToSisters(options.group);
  dress({ hint: parts.length > 1, ...options });
}

const METHODS = {
  post,
  validate: () => ({ error: validate() || undefined }),
  focus: () => field(parts.find((part) => problem(part)) || parts[0]).focus(),
  blur: () => document.activeElement?.blur(),
  clear,
  dress,
};

async function answer({ data }) {
  const result = await METHODS[data.method](data.args);
  port.postMessage({ answer: data.id, result });
}

function begin(event) {
  if (event.source !== window.parent || event.data?.type !== 'card-frame-init' || port) return;
  [port] = event.ports;
  port.onmessage = answer;
  arrange(event.data.options);
  send('ready', { elementType: kind });
  tell();
}

for (const part of PARTS.card) {
  const input = field(part);
  input.addEventListener('input', () => {
    reformat(part);
    if (!problem(part)) touched.add(part);
    else if (part === 'number' && digits('number').length >= brandOf(digits('number'))[3].at(-1)) touched.add(part);
    tell();
    const next = parts[parts.indexOf(part) + 1];
    if (next && !problem(part) && input.selectionStart === input.value.length && part !== 'cvc') field(next).focus();
  });
  input.addEventListener('focus', () => send('focus', { elementType: kind }));
  input.addEventListener('blur', () => { touched.add(part); tell(); send('blur', { elementType: kind }); });
  input.addEventListener('keydown', ({ key }) => { if (key === 'Escape') send('escape', { elementType: kind }); });
}
document.getElementById('card').addEventListener('submit', (event) => { event.preventDefault(); send('submit'); });
document.getElementById('card').addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); send('submit'); } });
document.querySelectorAll('[data-card]').forEach((button) => button.addEventListener('click', () => fill(button.dataset.card)));
new ResizeObserver(measure).observe(document.body);
window.addEventListener('message', begin);
// When all scripts of the frame are there: what they add must be in place before the page outside answers.
window.addEventListener('DOMContentLoaded', () => window.parent.postMessage({ type: 'card-frame-hello' }, '*'));

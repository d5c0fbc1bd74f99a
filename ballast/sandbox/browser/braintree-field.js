// The frame that one field of a card is typed into. What is typed stays in the frames of this origin: the page outside learns whether it
// is valid, and gets a nonce for it.
'use strict';

const input = document.getElementById('input');
const root = document.documentElement;
const SAFE = ['color', 'font', 'font-family', 'font-size', 'font-weight', 'font-style', 'font-variant', 'letter-spacing', 'line-height', 'opacity', 'padding', 'text-align', 'text-shadow', 'transition'];
const ATTRIBUTES = ['placeholder', 'disabled', 'aria-invalid', 'aria-required', 'autocomplete'];
const COMPLETE = { number: 'cc-number', cvv: 'cc-csc', expirationDate: 'cc-exp', expirationMonth: 'cc-exp-month', expirationYear: 'cc-exp-year', postalCode: 'postal-code', cardholderName: 'cc-name' };
const digits = () => input.value.replace(/\D/g, '');
let port, channel, key = 'number', styles = {}, cvvSize = 0, wasEmpty = true, wasValid = false, couldBe = true;

function isLuhnValid(number) {
  let sum = 0;
  [...number].reverse().forEach((digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  });
  return sum % 10 === 0;
}

function readExpiry(text) {
  const [month, year = ''] = text.split('/').map((part) => part.replace(/\D/g, ''));
  return { month: Number(month), year: year.length === 2 ? 2000 + Number(year) : year.length === 4 ? Number(year) : 0 };
}

function isFuture(month, year) {
  const today = new Date();
  return month >= 1 && month <= 12 && (year > today.getFullYear() || (year === today.getFullYear() && month >= today.getMonth() + 1));
}

// Each says whether what is typed is valid, and whether it could become so.
const CHECKS = {
  number() {
    const number = digits(), most = /^3[47]/.test(number) ? 15 : /^3(0|6|8)/.test(number) ? 14 : 16;
    const valid = number.length >= most && number.length <= 19 && isLuhnValid(number);
    return { valid, possible: valid || number.length < most };
  },
  cvv() {
    const wanted = cvvSize ? [cvvSize] : [3, 4];
    return { valid: wanted.includes(digits().length), possible: digits().length <= Math.max(...wanted) };
  },
  expirationDate() {
    const { month, year } = readExpiry(input.value);
    const valid = isFuture(month, year);
    return { valid, possible: valid || (month <= 12 && digits().length < 4) };
  },
  expirationMonth: () => ({ valid: Number(digits()) >= 1 && Number(digits()) <= 12, possible: Number(digits()) <= 12 }),
  expirationYear: () => ({ valid: [2, 4].includes(digits().length), possible: digits().length <= 4 }),
  postalCode: () => ({ valid: input.value.trim().length >= 3, possible: true }),
  cardholderName: () => ({ valid: input.value.trim() !== '', possible: true }),
};

const FORMATS = {
  number(number) {
    const groups = /^3[47]/.test(number) ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?/ : /(\d{1,4})(\d{1,4})?(\d{1,4})?(\d{1,4})?(\d{1,3})?/;
    return number ? number.match(groups).slice(1).filter(Boolean).join(' ') : '';
  },
  expirationDate(value, typed) {
    const text = /^[2-9]$/.test(value) || (/^\d$/.test(value) && typed.includes('/')) ? `0${value}` : value;
    if (text.length < 2 || (text.length === 2 && typed.endsWith(' /'))) return typed.endsWith(' /') ? text.slice(0, 1) : text;
    return `${text.slice(0, 2)} / ${text.slice(2, 6)}`;
  },
  cvv: (value) => value.slice(0, 4),
  expirationMonth: (value) => value.slice(0, 2),
  expirationYear: (value) => value.slice(0, 4),
};

function reformat() {
  if (!FORMATS[key] || input.selectionStart !== input.value.length) return;
  input.value = FORMATS[key](digits(), input.value);
}

const send = (event, detail) => port && port.postMessage({ event, detail });

function state() {
  const { valid, possible } = CHECKS[key]();
  const isEmpty = input.value === '';
  return { isEmpty, isValid: valid, isPotentiallyValid: isEmpty || possible, isFocused: document.activeElement === input };
}

function tell(event) {
  const now = state();
  const invalid = !now.isPotentiallyValid || (!now.isEmpty && !now.isValid && !now.isFocused);
  input.setAttribute('aria-invalid', String(invalid));
  paint(invalid, now);
  send('state', { state: now });
  if (event) send(event, { state: now });
  if (now.isEmpty !== wasEmpty) send(now.isEmpty ? 'empty' : 'notEmpty', { state: now });
  if (now.isValid !== wasValid || now.isPotentiallyValid !== couldBe) send('validityChange', { state: now });
  [wasEmpty, wasValid, couldBe] = [now.isEmpty, now.isValid, now.isPotentiallyValid];
}

// The page's styles, without a style sheet: only what Hosted Fields allow, the two states that are asked for most, and the classes the
// page has given the field, alone and in those states.
function paint(invalid, { isFocused, isValid }) {
  const own = ['', ...[...input.classList].map((name) => `.${name}`)];
  const stated = (state) => Object.assign({}, ...own.map((name) => styles[`${name}${state}`]));
  const rules = { ...styles.input, ...styles[`.${key}`], ...stated(''), ...(isFocused && stated(':focus')), ...(invalid && stated('.invalid')), ...(isValid && stated('.valid')) };
  for (const name of SAFE) {
    const camel = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
    const value = rules[name] ?? rules[camel];
    if (value === undefined) input.style.removeProperty(name);
    else input.style.setProperty(name, value);
  }
  const { color } = stated('::placeholder');
  if (color) root.style.setProperty('--placeholder', color);
}

// What is typed into all frames of one card: the frame that is asked collects it from its sisters, which share its origin.
function collect(fields) {
  const found = { [key]: input.value };
  const missing = () => fields.some((field) => found[field] === undefined);
  if (!missing()) return Promise.resolve(found);
  return new Promise((resolve) => {
    const finish = () => { channel.removeEventListener('message', hear); resolve(found); };
    const hear = ({ data }) => {
      Object.assign(found, data.answer);
      if (!missing()) finish();
    };
    channel.addEventListener('message', hear);
    channel.postMessage({ ask: true });
    setTimeout(finish, 1000);
  });
}

async function tokenize({ url, said, fields, cardholderName, billingAddress, vault }) {
  const typed = await collect(fields);
  const expiry = typed.expirationDate === undefined ? { month: typed.expirationMonth, year: typed.expirationYear } : readExpiry(typed.expirationDate);
  const creditCard = {
    number: (typed.number || '').replace(/\D/g, ''), cvv: typed.cvv || undefined, expirationMonth: String(expiry.month ?? ''), expirationYear: String(expiry.year ?? ''),
    cardholderName: typed.cardholderName || cardholderName, billingAddress: { ...billingAddress, ...(typed.postalCode && { postalCode: typed.postalCode }) }, options: { vault: Boolean(vault) },
  };
  try {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify({ ...said, creditCard }), headers: { 'Content-Type': 'application/json' } });
    return { status: response.status, body: await response.json() };
  } catch {
    return { status: 0 };
  }
}

function take() {
  reformat();
  tell();
  if (key === 'number') send('prefix', { prefix: digits().slice(0, 4), bin: digits().length === 6 ? digits() : undefined });
}

const METHODS = {
  tokenize,
  fill: (value) => { input.value = value; take(); },
  focus: () => input.focus(),
  clear: () => { input.value = ''; tell(); },
  size: (size) => { cvvSize = size; tell(); },
  message: (message) => { document.getElementById('message').textContent = message || ''; },
  mark: ({ name, on }) => { input.classList.toggle(name, on); tell(); },
  set: ({ attribute, value }) => {
    if (!ATTRIBUTES.includes(attribute)) return;
    if (value === null) input.removeAttribute(attribute);
    else input.setAttribute(attribute, value);
  },
  dress: ({ scheme }) => { root.dataset.scheme = scheme; },
};

async function answer({ data }) {
  const result = await METHODS[data.method](data.args);
  port.postMessage({ answer: data.id, result });
}

function arrange(options) {
  key = options.key;
  styles = options.styles;
  root.dataset.scheme = options.scheme;
  Object.assign(input, { name: key, autocomplete: COMPLETE[key], inputMode: key === 'cardholderName' || key === 'postalCode' ? 'text' : 'numeric' });
  input.maxLength = Number(options.maxlength) || 64;
  if (options.type === 'password') input.type = 'password';
  document.querySelector('label').textContent = options.label;
  if (options.placeholder) input.placeholder = options.placeholder;
  if (options.prefill) input.value = options.prefill;
  channel = new BroadcastChannel(`braintree-${options.group}`);
  channel.addEventListener('message', ({ data }) => { if (data.ask) channel.postMessage({ answer: { [key]: input.value } }); });
}

function begin(event) {
  if (event.source !== window.parent || event.data?.type !== 'field-init' || port) return;
  [port] = event.ports;
  port.onmessage = answer;
  arrange(event.data.options);
  tell();
  send('ready');
}

input.addEventListener('input', take);
input.addEventListener('focus', () => tell('focus'));
input.addEventListener('blur', () => tell('blur'));
document.getElementById('field').addEventListener('submit', (event) => { event.preventDefault(); tell('inputSubmitRequest'); });
window.addEventListener('message', begin);
window.parent.postMessage({ type: 'field-hello' }, '*');

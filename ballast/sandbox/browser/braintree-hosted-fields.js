// A stand-in of braintree-web's hosted-fields.js (3.144) for the processor sandbox. Each field is a frame of the sandbox's origin, so
// the page never sees a number; styles go through the CSSOM, so that the page may forbid all inline ones.
(() => {
  'use strict';

  const script = document.currentScript || document.querySelector('script[src*="/js/braintree/web/"]');
  const ORIGIN = new URL(script.src).origin;
  const VERSION = '3.144.0';
  const NAMES = {
    number: 'Credit Card Number', cvv: 'CVV', expirationDate: 'Expiration Date', expirationMonth: 'Expiration Month',
    expirationYear: 'Expiration Year', postalCode: 'Postal Code', cardholderName: 'Cardholder Name',
  };
  const CARDS = [
    ['visa', 'Visa', /^4/, 3], ['master-card', 'Mastercard', /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, 3], ['american-express', 'American Express', /^3[47]/, 4],
    ['discover', 'Discover', /^(6011|64[4-9]|65)/, 3], ['jcb', 'JCB', /^35/, 3], ['diners-club', 'Diners Club', /^3(0|6|8)/, 3], ['maestro', 'Maestro', /^(5[0678]|6)/, 3],
  ];

  class BraintreeError extends Error {
    constructor(type, code, message, details) {
      super(message);
      Object.assign(this, { name: 'BraintreeError', type, code, details });
    }
  }
  const wrap = (work) => function wrapped(...args) {
    const callback = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    const promise = (async () => work.apply(this, args))();
    if (!callback) return promise;
    promise.then((result) => callback(null, result), (error) => callback(error));
    return undefined;
  };

  function schemeOf(element) {
    const computed = getComputedStyle(element).colorScheme;
    const offered = computed === 'normal' ? document.querySelector('meta[name=color-scheme]')?.content || 'light' : computed;
    const prefers = matchMedia('(prefers-color-scheme: dark)').matches;
    return offered.includes('dark') && (prefers || !offered.includes('light')) ? 'dark' : 'light';
  }

  const cardsFor = (prefix) => (prefix ? CARDS.filter((card) => card[2].test(prefix)) : CARDS)
    .map(([type, niceType, , size]) => ({ type, niceType, code: { name: size === 4 ? 'CID' : 'CVV', size }, supported: true }));

  // One field: its frame, the line to it, and what is known of what was typed.
  class Field {
    #port; #pending = new Map(); #waiting = []; #counter = 0;

    constructor(key, container, options, owner) {
      Object.assign(this, { key, container, options, owner });
      this.state = { container, isFocused: false, isEmpty: true, isPotentiallyValid: true, isValid: false };
      this.frame = document.createElement('iframe');
      Object.assign(this.frame.style, { display: 'block', width: '100%', height: '100%', border: '0', background: 'transparent' });
      Object.assign(this.frame, { name: `braintree-hosted-field-${key}`, title: `Secure Credit Card Frame - ${NAMES[key]}`, src: `${ORIGIN}/js/braintree/frame/${key}` });
      window.addEventListener('message', this.#hello);
      this.recolor();
      container.append(this.frame);
    }

    recolor = () => {
      this.scheme = schemeOf(this.container);
      this.frame.style.colorScheme = this.scheme;
      if (this.#port) this.ask('dress', { scheme: this.scheme });
    };

    #hello = (event) => {
      if (event.origin !== ORIGIN || event.source !== this.frame.contentWindow || event.data?.type !== 'field-hello') return;
      const { port1, port2 } = new MessageChannel();
      this.#port = port1;
      port1.onmessage = ({ data }) => this.#hear(data);
      const { placeholder, prefill, type, maxlength } = this.options;
      const options = { key: this.key, label: NAMES[this.key], group: this.owner.id, scheme: this.scheme, styles: this.owner.styles, placeholder, prefill, type, maxlength };
      event.source.postMessage({ type: 'field-init', options }, ORIGIN, [port2]);
      this.#waiting.splice(0).forEach((send) => send());
    };

    #hear(data) {
      if (data.answer) {
        this.#pending.get(data.answer)?.(data.result);
        this.#pending.delete(data.answer);
      } else if (data.event === 'ready') this.owner.ready(this);
      else this.owner.hear(this, data.event, data.detail);
    }

    // Calls a method of the frame; before the frame is there the call waits for it.
    ask(method, args) {
      return new Promise((resolve) => {
        const send = () => {
          this.#counter += 1;
          this.#pending.set(this.#counter, resolve);
          this.#port.postMessage({ id: this.#counter, method, args });
        };
        if (this.#port) send();
        else this.#waiting.push(send);
      });
    }

    take(state) {
      this.state = { ...this.state, ...state };
      const { classList } = this.container;
      classList.toggle('braintree-hosted-fields-focused', this.state.isFocused);
      classList.toggle('braintree-hosted-fields-valid', this.state.isValid);
      classList.toggle('braintree-hosted-fields-invalid', !this.state.isPotentiallyValid);
    }

    remove() {
      window.removeEventListener('message', this.#hello);
      this.#port?.close();
      this.frame.remove();
      this.container.classList.remove('braintree-hosted-fields-focused', 'braintree-hosted-fields-valid', 'braintree-hosted-fields-invalid');
    }
  }

  // The line of test cards below the fields, where the page holds them all. Its looks stay in a shadow, so that the page's do not reach it.
  const TEST_CARDS = [['4111111111111111', '1111 pays'], ['4000111111111115', '1115 declines'], ['4000000000001091', '1091 asks the bank']];
  const TYPED = { expirationDate: '12 / 34', expirationMonth: '12', expirationYear: '2034', cvv: '123' };
  const HINT_STYLE = `
    :host { display: flex; flex-wrap: wrap; grid-column: 1 / -1; gap: 2px 10px; opacity: .85; font: 12px / 20px system-ui, sans-serif; }
    button { padding: 0; border: 0; border-radius: 3px; background: none; color: inherit; font: inherit; text-decoration: underline; text-underline-offset: 3px; cursor: pointer; }
    button:focus-visible { outline: 2px solid; outline-offset: 1px; }
    @media (pointer: coarse) { button { min-height: 32px; } }`;

  function offerTestCards(fields) {
    const [first, ...others] = fields.map((field) => field.container);
    let place = first.parentElement;
    while (place && !others.every((one) => place.contains(one))) place = place.parentElement;
    const line = document.createElement('p');
    const shadow = line.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(HINT_STYLE);
    shadow.adoptedStyleSheets = [sheet];
    const words = document.createElement('span');
    words.textContent = 'Test cards';
    shadow.append(words, ...TEST_CARDS.map(([number, label]) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', textContent: label });
      button.addEventListener('click', () => fields.forEach((field) => {
        const value = field.key === 'number' ? number : TYPED[field.key];
        if (value) field.ask('fill', value);
      }));
      return button;
    }));
    place.append(line);
    return line;
  }

  class HostedFields {
    #listeners = new Map(); #fields = {}; #client; #cards = cardsFor(''); #missing; #opened; #hint; #scheme = matchMedia('(prefers-color-scheme: dark)');

    constructor(client, { fields, styles }) {
      this.id = crypto.randomUUID?.() || `${Date.now()}-${Math.random()}`;
      this.styles = styles || {};
      this.#client = client;
      this.#missing = new Set(Object.keys(fields));
      this.opened = new Promise((resolve) => { this.#opened = resolve; });
      for (const [key, options] of Object.entries(fields)) {
        const where = options.container || options.selector;
        const container = typeof where === 'string' ? document.querySelector(where) : where;
        if (!NAMES[key]) throw new BraintreeError('MERCHANT', 'HOSTED_FIELDS_INVALID_FIELD_KEY', `"${key}" is not a valid field.`);
        if (!container) throw new BraintreeError('MERCHANT', 'HOSTED_FIELDS_INVALID_FIELD_SELECTOR', 'Selector does not reference a valid DOM node.', { fieldSelector: where, fieldKey: key });
        if (container.querySelector('iframe[name^="braintree-"]')) throw new BraintreeError('MERCHANT', 'HOSTED_FIELDS_FIELD_DUPLICATE_IFRAME', 'Element already contains a Braintree iframe.', { fieldKey: key });
        this.#fields[key] = new Field(key, container, options, this);
        if (container.id) document.querySelector(`label[for="${CSS.escape(container.id)}"]`)?.addEventListener('click', () => this.focus(key));
      }
      this.#scheme.addEventListener('change', this.#recolor);
    }

    #recolor = () => Object.values(this.#fields).forEach((field) => field.recolor());

    ready(field) {
      this.#missing.delete(field.key);
      if (this.#missing.size) return;
      if (this.#fields.number) this.#hint = offerTestCards(Object.values(this.#fields));
      this.#opened();
    }

    hear(field, event, detail) {
      if (detail?.state) field.take(detail.state);
      if (event === 'prefix') {
        const before = this.#cards.map((card) => card.type).join();
        this.#cards = cardsFor(detail.prefix);
        if (this.#cards.map((card) => card.type).join() !== before) this.#tell('cardTypeChange', field.key);
        if (detail.bin) this.#emit('binAvailable', { bin: detail.bin });
        if (this.#cards.length === 1) this.#fields.cvv?.ask('size', this.#cards[0].code.size);
      } else if (event !== 'state') this.#tell(event, field.key);
    }

    #tell(event, emittedBy) { this.#emit(event, { ...this.getState(), emittedBy }); }
    #emit(event, detail) { [...(this.#listeners.get(event) || [])].forEach((listener) => listener(detail)); }

    on(event, listener) { this.#listeners.set(event, [...(this.#listeners.get(event) || []), listener]); }
    off(event, listener) { this.#listeners.set(event, (this.#listeners.get(event) || []).filter((one) => one !== listener)); }

    getState() {
      return { cards: this.#cards, fields: Object.fromEntries(Object.entries(this.#fields).map(([key, field]) => [key, { ...field.state }])) };
    }

    #of(key) {
      if (!this.#fields[key]) throw new BraintreeError('MERCHANT', NAMES[key] ? 'HOSTED_FIELDS_FIELD_NOT_PRESENT' : 'HOSTED_FIELDS_FIELD_INVALID', `No "${key}" field exists.`);
      return this.#fields[key];
    }

    getChallenges = wrap(() => this.#client.getConfiguration().gatewayConfiguration.challenges || []);
    getSupportedCardTypes = wrap(() => CARDS.map(([, niceType]) => niceType));
    focus = wrap((key) => this.#of(key).ask('focus').then(() => undefined));
    clear = wrap((key) => this.#of(key).ask('clear').then(() => undefined));
    setMessage = ({ field, message }) => { this.#of(field).ask('message', message); };
    setPlaceholder = wrap((key, placeholder) => this.#of(key).ask('set', { attribute: 'placeholder', value: placeholder }).then(() => undefined));
    setAttribute = wrap(({ field, attribute, value }) => this.#of(field).ask('set', { attribute, value }).then(() => undefined));
    removeAttribute = wrap(({ field, attribute }) => this.#of(field).ask('set', { attribute, value: null }).then(() => undefined));
    addClass = wrap((key, name) => this.#of(key).ask('mark', { name, on: true }).then(() => undefined));
    removeClass = wrap((key, name) => this.#of(key).ask('mark', { name, on: false }).then(() => undefined));

    tokenize = wrap(async (options = {}) => {
      const wanted = Object.entries(this.#fields).filter(([key]) => !options.fieldsToTokenize || options.fieldsToTokenize.includes(key));
      if (wanted.every(([, field]) => field.state.isEmpty)) throw new BraintreeError('CUSTOMER', 'HOSTED_FIELDS_FIELDS_EMPTY', 'All fields are empty. Cannot tokenize empty card fields.');
      const invalid = wanted.filter(([, field]) => !field.state.isValid);
      if (invalid.length) {
        throw new BraintreeError('CUSTOMER', 'HOSTED_FIELDS_FIELDS_INVALID', 'Some payment input fields are invalid. Cannot tokenize invalid card fields.', {
          invalidFieldKeys: invalid.map(([key]) => key), invalidFields: Object.fromEntries(invalid.map(([key, field]) => [key, field.container])),
        });
      }
      const first = this.#fields.number || wanted[0][1];
      const { gatewayConfiguration } = this.#client.getConfiguration();
      const { status, body } = await first.ask('tokenize', {
        url: `${gatewayConfiguration.clientApiUrl}/v1/payment_methods/credit_cards`, said: this.#client._said, fields: wanted.map(([key]) => key),
        cardholderName: options.cardholderName, billingAddress: options.billingAddress, vault: options.vault,
      });
      if (!status) throw new BraintreeError('NETWORK', 'HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR', 'A tokenization network error occurred.');
      const faults = (body.fieldErrors || []).flatMap((one) => one.fieldErrors || []);
      if (faults.some((fault) => fault.code === '81724')) throw new BraintreeError('CUSTOMER', 'HOSTED_FIELDS_TOKENIZATION_FAIL_ON_DUPLICATE', 'This credit card already exists in the merchant\'s vault.', { originalError: body });
      if (status >= 400) throw new BraintreeError('CUSTOMER', 'HOSTED_FIELDS_FAILED_TOKENIZATION', 'The supplied card data failed tokenization.', { originalError: body, httpStatus: status });
      const { nonce, type, description, details, binData } = body.creditCards[0];
      return { nonce, type, description, details, binData, authenticationInsight: undefined };
    });

    teardown = wrap(() => {
      this.#scheme.removeEventListener('change', this.#recolor);
      Object.values(this.#fields).forEach((field) => field.remove());
      this.#hint?.remove();
    });
  }

  const create = wrap(async (options = {}) => {
    if (!options.fields) throw new BraintreeError('MERCHANT', 'INSTANTIATION_OPTION_REQUIRED', 'options.fields is required when instantiating Hosted Fields.');
    const client = options.client || await window.braintree.client.create({ authorization: options.authorization });
    const made = new HostedFields(client, options);
    await made.opened;
    return made;
  });

  window.braintree = window.braintree || {};
  window.braintree.hostedFields = { create, supportsInputFormatting: () => true, VERSION };
})();

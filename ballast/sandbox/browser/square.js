// A stand-in of Square's Web Payments SDK for the processor sandbox. The page that loads it may forbid all inline script and
// style: everything is styled through the CSSOM, and card data lives in a frame of the sandbox's origin.
(() => {
  'use strict';

  const script = document.currentScript || document.querySelector('script[src*="/js/square/"]');
  const ORIGIN = new URL(script.src).origin;
  const TITLE = 'Secure card payment input frame';
  const UNREACHABLE = 'We could not reach the payment processor. Please try again.';
  const PARTS = { cardNumber: 'number', expirationDate: 'expiry', cvv: 'cvc', postalCode: 'postal' };
  const BRANDS = { visa: 'visa', mastercard: 'mastercard', amex: 'americanExpress', discover: 'discover', diners: 'discoverDiners', jcb: 'jcb',
    unionpay: 'chinaUnionPay' };
  const INTENTS = ['CHARGE', 'CHARGE_AND_STORE', 'STORE'];
  let counter = 0;

  const errors = {};
  for (const name of ['InvalidApplicationIdError', 'InvalidLocationIdError', 'PaymentMethodAlreadyAttachedError', 'PaymentMethodAlreadyDestroyedError',
    'PaymentMethodNotAttachedError', 'ElementNotFoundError', 'UnexpectedError', 'VerifyBuyerError', 'WebSdkEmbedError']) {
    errors[name] = class extends Error {
      constructor(message) { super(message); this.name = name; }
    };
  }

  const style = (element, rules) => { Object.assign(element.style, rules); return element; };
  const make = (tag, rules) => style(document.createElement(tag), rules);

  function schemeOf(element) {
    const computed = getComputedStyle(element).colorScheme;
    const offered = computed === 'normal' ? document.querySelector('meta[name=color-scheme]')?.content || 'light' : computed;
    const prefers = matchMedia('(prefers-color-scheme: dark)').matches;
    return offered.includes('dark') && (prefers || !offered.includes('light')) ? 'dark' : 'light';
  }

  // What the bank is to ask, as a form says it. Throws for details that the real library would refuse.
  function flatten(details) {
    if (!details) return {};
    if (!INTENTS.includes(details.intent)) throw new errors.VerifyBuyerError('verificationDetails.intent must be CHARGE, CHARGE_AND_STORE or STORE.');
    if (details.intent !== 'STORE' && (typeof details.amount !== 'string' || !details.currencyCode)) {
      throw new errors.VerifyBuyerError("verificationDetails needs an amount such as '10.00' and a currencyCode.");
    }
    const said = {};
    for (const name of ['amount', 'currencyCode', 'intent', 'customerInitiated', 'sellerKeyedIn']) {
      if (details[name] !== undefined) said[`verification[${name}]`] = String(details[name]);
    }
    return said;
  }

  // The bank's question in a dialog over the page.
  function askTheBank(url) {
    const dialog = make('dialog', { position: 'fixed', inset: '0', width: '100%', height: '100%', maxWidth: 'none', maxHeight: 'none', margin: '0', padding: '16px',
      border: '0', boxSizing: 'border-box', background: 'rgba(10, 20, 19, .6)', overflow: 'auto' });
    dialog.setAttribute('aria-label', 'Confirm with your bank');
    const frame = make('iframe', { display: 'block', width: 'calc(100% - 32px)', maxWidth: '440px', height: 'min(500px, 100%)', margin: 'auto', position: 'absolute',
      inset: '16px', border: '0', borderRadius: '10px', background: 'Canvas', maxHeight: 'calc(100% - 32px)' });
    Object.assign(frame, { title: 'Confirm with your bank', name: '__squareChallengeFrame', src: `${ORIGIN}${url}&embedded=1` });
    dialog.append(frame);
    document.body.append(dialog);
    return new Promise((resolve) => {
      const hear = (event) => {
        if (event.origin !== ORIGIN || event.source !== frame.contentWindow || event.data?.type !== 'challenge-done') return;
        window.removeEventListener('message', hear);
        dialog.close();
        dialog.remove();
        resolve();
      };
      window.addEventListener('message', hear);
      dialog.addEventListener('cancel', (event) => {
        event.preventDefault();
        frame.contentWindow.postMessage({ type: 'challenge-cancel' }, ORIGIN);
      });
      dialog.showModal();
      frame.focus();
    });
  }

  const refused = (type, message, field) => ({ status: 'Error', errors: [{ type, message, ...(field && { field }) }] });
  const fieldOf = (code) => Object.keys(PARTS).find((name) => String(code).includes(PARTS[name])) || 'cardNumber';

  // Turns an answer of the sandbox into a TokenResult; `send` reaches the sandbox, through the frame where there is one.
  async function conclude(answer, send, billing = {}) {
    const describe = (details, userChallenged) => ({ ...details, billing: { ...billing, ...details.billing }, userChallenged });
    if (answer.error?.type === 'validation_error') {
      return { status: 'Invalid', errors: [{ type: 'VALIDATION_ERROR', field: fieldOf(answer.error.code), message: answer.error.message }] };
    }
    if (answer.error) return refused('NETWORK_ERROR', answer.error.message);
    if (answer.errors) return refused(answer.errors[0].code, answer.errors[0].detail, answer.errors[0].field);
    if (!answer.challenge) return { status: 'OK', token: answer.token, details: describe(answer.details, false) };
    await askTheBank(answer.challenge.url);
    const ended = await send({ path: answer.challenge.result });
    if (ended.status === 'approved') return { status: 'OK', token: ended.token, details: describe(ended.details, true) };
    if (ended.status === 'canceled') return { status: 'Cancel', errors: [{ type: 'VERIFICATION_CANCELED', message: 'The buyer canceled the verification.' }] };
    return refused('VERIFICATION_FAILED', ended.error?.message || 'The bank could not verify the buyer.');
  }

  class Card {
    #frame; #port; #host; #pending = new Map(); #waiting = []; #listeners = new Map(); #gone = false; #last = {}; #ready;

    constructor(payments, options) {
      this._payments = payments;
      this._options = options || {};
    }

    attach(where) {
      this.#alive();
      if (this.#frame) throw new errors.PaymentMethodAlreadyAttachedError('Card has already been attached.');
      const host = typeof where === 'string' ? document.querySelector(where) : where;
      if (!host) throw new errors.ElementNotFoundError(`Element ${where} was not found.`);
      this.#host = host;
      counter += 1;
      this.#frame = make('iframe', { display: 'block', width: '100%', height: '9em', border: '0', padding: '0', margin: '0', background: 'transparent' });
      Object.assign(this.#frame, { name: `__squareFrame${counter}`, title: TITLE, src: `${ORIGIN}/js/square/frame` });
      this.#follow();
      window.addEventListener('message', this.#hello);
      matchMedia('(prefers-color-scheme: dark)').addEventListener('change', this.#recolor);
      host.append(this.#frame);
      return new Promise((resolve) => { this.#ready = resolve; });
    }

    async detach() {
      this.#alive();
      if (!this.#frame) throw new errors.PaymentMethodNotAttachedError('Card is not attached.');
      this.#remove();
      return true;
    }

    async destroy() {
      this.#alive();
      this.#remove();
      this.#gone = true;
      return true;
    }

    async configure(options) { Object.assign(this._options, options); if (this.#frame) await this._ask('dress', this.#dress()); }
    async clear() { return (await this._ask('clear'), true); }
    async focus(name = 'cardNumber') { return (await this._ask('focusOn', PARTS[name] || 'number'), true); }
    recalculateSize() {}
    // Marks one field as wrong, as when the seller's own server refused it.
    async setError(name) {
      this.#alive();
      if (!PARTS[name]) return false;
      await this._ask('mark', PARTS[name]);
      this.#emit('errorClassAdded', { ...this.#describe(), field: name });
      return true;
    }

    addEventListener(event, listener) { this.#list(event).push(listener); }
    removeEventListener(event, listener) { this.#listeners.set(event, this.#list(event).filter((one) => one !== listener)); }

    async tokenize(details, cardId) {
      this.#alive();
      const form = { location: this._payments.locationId, ...flatten(details) };
      const billing = details?.billingContact;
      const send = (asked) => (this.#frame ? this._ask('send', asked) : this._payments.send(asked));
      if (cardId) return conclude(await send({ path: '/square/tokens', form: { ...form, card_id: cardId } }), send, billing);
      return conclude(await this._ask('post', { path: '/square/tokens', form, prefix: 'card' }), send, billing);
    }

    // Calls a method of the frame; before the frame is there the call waits for it.
    _ask(method, args) {
      this.#alive();
      if (!this.#frame) return Promise.reject(new errors.PaymentMethodNotAttachedError('Card is not attached.'));
      return new Promise((resolve) => {
        const send = () => {
          counter += 1;
          this.#pending.set(counter, resolve);
          this.#port.postMessage({ id: counter, method, args });
        };
        if (this.#port) send();
        else this.#waiting.push(send);
      });
    }

    #alive() { if (this.#gone) throw new errors.PaymentMethodAlreadyDestroyedError('Card has already been destroyed.'); }

    #remove() {
      window.removeEventListener('message', this.#hello);
      matchMedia('(prefers-color-scheme: dark)').removeEventListener('change', this.#recolor);
      this.#frame?.remove();
      this.#port?.close();
      this.#frame = this.#port = this.#host = undefined;
    }

    #list(event) {
      if (!this.#listeners.has(event)) this.#listeners.set(event, []);
      return this.#listeners.get(event);
    }

    #emit(event, detail) { [...this.#list(event)].forEach((listener) => listener(new CustomEvent(event, { detail }))); }

    #dress() {
      const input = this._options.style?.input || {};
      const base = { color: input.color, fontFamily: input.fontFamily, fontSize: input.fontSize, fontWeight: input.fontWeight };
      const placeholder = this._options.style?.['input::placeholder']?.color;
      return { scheme: this.#follow(), variables: {}, style: { base: { ...base, '::placeholder': { color: placeholder } } }, hint: this._options.testCards !== false };
    }

    // A frame is only see-through when its scheme is its document's scheme.
    #follow() {
      const scheme = schemeOf(this.#host);
      this.#frame.style.colorScheme = scheme;
      return scheme;
    }

    #recolor = () => { if (this.#frame) this._ask('dress', this.#dress()); };

    #hello = (event) => {
      if (event.origin !== ORIGIN || event.source !== this.#frame?.contentWindow || event.data?.type !== 'card-frame-hello') return;
      const { port1, port2 } = new MessageChannel();
      this.#port = port1;
      port1.onmessage = ({ data }) => this.#hear(data);
      const options = { ...this.#dress(), kind: 'payment', publishableKey: this._payments.applicationId, group: `square${counter}` };
      event.source.postMessage({ type: 'card-frame-init', options }, ORIGIN, [port2]);
      this.#waiting.splice(0).forEach((send) => send());
    };

    #hear(data) {
      if (data.answer) {
        this.#pending.get(data.answer)?.(data.result);
        this.#pending.delete(data.answer);
      } else if (data.event === 'height') this.#frame.style.height = `${data.detail}px`;
      else if (data.event === 'ready') this.#ready?.();
      else if (data.event === 'change') this.#change(data.detail);
      else if (data.event === 'focus' || data.event === 'blur') this.#emit(data.event === 'focus' ? 'focusClassAdded' : 'focusClassRemoved', this.#describe());
      else if (data.event === 'submit' || data.event === 'escape') this.#emit(data.event, this.#describe());
    }

    #change(state) {
      const before = this.#last;
      this.#last = state;
      if (state.brand !== before.brand) this.#emit('cardBrandChanged', this.#describe());
      if (Boolean(state.error) !== Boolean(before.error)) this.#emit(state.error ? 'errorClassAdded' : 'errorClassRemoved', this.#describe());
    }

    #describe() {
      const { brand, error, complete = false, empty = true } = this.#last;
      return { cardBrand: BRANDS[brand] || 'unknown', field: error ? fieldOf(error.code) : 'cardNumber', postalCodeValue: '',
        currentState: { hasErrorClass: Boolean(error), hasFocusClass: false, isCompletelyValid: complete, isEmpty: empty, isPotentiallyValid: !error } };
    }
  }

  class Payments {
    constructor(applicationId, locationId) { Object.assign(this, { applicationId, locationId }); }

    async card(options) { return new Card(this, options); }
    async setLocale(locale) { return { locale, localeChanged: false }; }

    // The older way of confirming, which Square deprecates; it answers a token for `verification_token`.
    async verifyBuyer(source, details) {
      const send = (asked) => this.send(asked);
      const result = await conclude(await this.send({ path: '/square/tokens', form: { location: this.locationId, verify: source, ...flatten(details) } }), send);
      if (result.status !== 'OK') throw new errors.VerifyBuyerError(result.errors[0].message);
      return { token: result.token, userChallenged: result.details.userChallenged };
    }

    async send({ path, form }) {
      const said = form && { method: 'POST', body: new URLSearchParams(form), headers: { Authorization: `Bearer ${this.applicationId}` } };
      try {
        return await (await fetch(`${ORIGIN}${path}`, said)).json();
      } catch {
        return { error: { type: 'api_connection_error', message: UNREACHABLE } };
      }
    }
  }

  window.Square = {
    payments(applicationId, locationId) {
      if (!String(applicationId || '').startsWith('sandbox-sq0idb-')) {
        throw new errors.InvalidApplicationIdError('The sandbox takes application IDs of a sandbox only: sandbox-sq0idb-….');
      }
      if (!locationId) throw new errors.InvalidLocationIdError('The location ID is missing.');
      return new Payments(applicationId, locationId);
    },
    errors,
  };
})();

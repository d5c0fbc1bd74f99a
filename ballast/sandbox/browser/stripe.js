// A stand-in of Stripe.js (release train endive) for the processor sandbox. The page that loads it may forbid all inline
// script and style: everything is styled through the CSSOM, and card data lives in a frame of the sandbox's origin.
(() => {
  'use strict';

  const script = document.currentScript || document.querySelector('script[src*="/js/stripe/"]');
  const ORIGIN = new URL(script.src).origin;
  const TYPES = ['card', 'payment', 'cardNumber', 'cardExpiry', 'cardCvc'];
  const TITLE = 'Secure card payment input frame';
  const UNREACHABLE = { type: 'api_connection_error', message: 'We could not reach the payment processor. Please try again.' };
  let counter = 0;

  class IntegrationError extends Error {
    constructor(message) { super(message); this.name = 'IntegrationError'; }
  }

  const style = (element, rules) => { Object.assign(element.style, rules); return element; };
  const make = (tag, rules) => style(document.createElement(tag), rules);

  // Nested values as Stripe's forms write them: a[b]=1.
  function flatten(values, prefix = '', into = {}) {
    for (const [name, value] of Object.entries(values || {})) {
      const key = prefix ? `${prefix}[${name}]` : name;
      if (value === undefined || value === null) continue;
      if (typeof value === 'object') flatten(value, key, into);
      else into[key] = String(value);
    }
    return into;
  }

  function schemeOf(element, appearance) {
    if (appearance?.colorScheme === 'light' || appearance?.colorScheme === 'dark') return appearance.colorScheme;
    if (appearance?.theme === 'night') return 'dark';
    const computed = getComputedStyle(element).colorScheme;
    const offered = computed === 'normal' ? document.querySelector('meta[name=color-scheme]')?.content || 'light' : computed;
    const prefers = matchMedia('(prefers-color-scheme: dark)').matches;
    if (offered.includes('dark') && (prefers || !offered.includes('light'))) return 'dark';
    return 'light';
  }

  class Emitter {
    #listeners = new Map();
    on(event, listener) { this.#list(event).push(listener); return this; }
    once(event, listener) {
      const one = (detail) => { this.off(event, one); listener(detail); };
      return this.on(event, one);
    }
    off(event, listener) {
      this.#listeners.set(event, listener ? this.#list(event).filter((one) => one !== listener) : []);
      return this;
    }
    emit(event, detail) { [...this.#list(event)].forEach((listener) => listener(detail)); }
    #list(event) {
      if (!this.#listeners.has(event)) this.#listeners.set(event, []);
      return this.#listeners.get(event);
    }
  }

  class Element extends Emitter {
    #frame; #port; #host; #pending = new Map(); #waiting = []; #gone = false;

    constructor(kind, options, group) {
      super();
      Object.assign(this, { _elementType: kind, _componentName: kind });
      this._options = options || {};
      this._group = group;
    }

    mount(where) {
      if (this.#gone) throw new IntegrationError('This Element has already been destroyed.');
      const host = typeof where === 'string' ? document.querySelector(where) : where;
      if (!host) throw new IntegrationError(`The selector you specified (${where}) applies to no DOM elements that are currently on the page.`);
      if (this.#host === host) return this;
      this.unmount();
      this.#host = host;
      host.replaceChildren();
      host.classList.add('StripeElement', 'StripeElement--empty');
      counter += 1;
      this.#frame = make('iframe', { display: 'block', width: '100%', height: '1.5em', border: '0', padding: '0', margin: '0', background: 'transparent' });
      Object.assign(this.#frame, { name: `__privateStripeFrame${counter}`, title: TITLE, src: `${ORIGIN}/js/stripe/frame/${this._elementType}` });
      this.#frame.setAttribute('allow', 'payment *');
      this.#follow();
      window.addEventListener('message', this.#hello);
      matchMedia('(prefers-color-scheme: dark)').addEventListener('change', this.#recolor);
      this.#frame.addEventListener('error', () => this.emit('loaderror', { elementType: this._elementType, error: UNREACHABLE }));
      host.append(this.#frame);
      host.closest('label')?.addEventListener('click', () => this.focus());
      return this;
    }

    unmount() {
      window.removeEventListener('message', this.#hello);
      matchMedia('(prefers-color-scheme: dark)').removeEventListener('change', this.#recolor);
      this.#frame?.remove();
      this.#port?.close();
      this.#host?.classList.remove('StripeElement', 'StripeElement--empty', 'StripeElement--complete', 'StripeElement--invalid', 'StripeElement--focus');
      this.#frame = this.#port = this.#host = undefined;
      return this;
    }

    destroy() { this.unmount(); this.#gone = true; this._group.forget(this); return this; }
    focus() { return this.#tell('focus'); }
    blur() { return this.#tell('blur'); }
    clear() { return this.#tell('clear'); }
    collapse() { return this; }

    update(options) {
      Object.assign(this._options, options);
      return this.#frame ? this.#tell('dress', this.#dress()) : this;
    }

    #tell(method, args) {
      if (this.#frame) this._ask(method, args);
      return this;
    }

    // Calls a method of the frame; before the frame is there the call waits for it.
    _ask(method, args) {
      if (!this.#frame) return Promise.reject(new IntegrationError(`We could not use the ${this._elementType} Element: it is not mounted.`));
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

    get _isMounted() { return Boolean(this.#frame); }

    #dress() {
      const { appearance } = this._group.options;
      const said = this._options;
      return {
        scheme: this.#follow(), variables: appearance?.variables || {}, style: said.style || {}, disabled: said.disabled,
        placeholders: said.placeholder === undefined ? undefined : { number: said.placeholder, expiry: said.placeholder, cvc: said.placeholder },
        ...(said.testCards === undefined ? {} : { hint: said.testCards }),
      };
    }

    // A frame is only see-through when its scheme is its document's scheme.
    #follow() {
      const scheme = schemeOf(this.#host, { ...this._group.options.appearance, ...(this._options.colorScheme && { colorScheme: this._options.colorScheme }) });
      this.#frame.style.colorScheme = scheme;
      return scheme;
    }

    #recolor = () => { this.#tell('dress', this.#dress()); };

    #hello = (event) => {
      if (event.origin !== ORIGIN || event.source !== this.#frame?.contentWindow || event.data?.type !== 'card-frame-hello') return;
      const { port1, port2 } = new MessageChannel();
      this.#port = port1;
      port1.onmessage = ({ data }) => this.#hear(data);
      const options = { ...this.#dress(), kind: this._elementType, publishableKey: this._group.publishableKey, group: this._group.id };
      event.source.postMessage({ type: 'card-frame-init', options }, ORIGIN, [port2]);
      this.#waiting.splice(0).forEach((send) => send());
    };

    #hear(data) {
      if (data.answer) {
        this.#pending.get(data.answer)?.(data.result);
        this.#pending.delete(data.answer);
      } else if (data.event === 'height') this.#frame.style.height = `${data.detail}px`;
      else if (data.event === 'submit') this.#host.closest('form')?.requestSubmit();
      else {
        this.#mark(data.event, data.detail);
        this.emit(data.event, data.event === 'ready' ? this : data.detail);
      }
    }

    #mark(event, state) {
      const { classList } = this.#host;
      if (event === 'focus' || event === 'blur') classList.toggle('StripeElement--focus', event === 'focus');
      if (event !== 'change') return;
      classList.toggle('StripeElement--empty', state.empty);
      classList.toggle('StripeElement--complete', state.complete);
      classList.toggle('StripeElement--invalid', Boolean(state.error));
    }
  }

  class Elements {
    #made = [];

    constructor(publishableKey, options) {
      if (options.paymentMethodTypes) throw new IntegrationError('paymentMethodTypes is no longer supported as of the endive release.');
      this.options = options;
      this.publishableKey = publishableKey;
      this.id = crypto.randomUUID?.() || `${Date.now()}-${Math.random()}`;
    }

    create(kind, options) {
      if (!TYPES.includes(kind)) throw new IntegrationError(`The sandbox has no Element of type ${kind}; it has ${TYPES.join(', ')}.`);
      if (this.getElement(kind)) throw new IntegrationError(`Can only create one Element of type ${kind} through Elements.`);
      const element = new Element(kind, options, this);
      this.#made.push(element);
      return element;
    }

    getElement(kind) { return this.#made.find((element) => element._elementType === kind) || null; }
    forget(element) { this.#made = this.#made.filter((one) => one !== element); }
    update(options) { Object.assign(this.options, options); this.#made.filter((one) => one._isMounted).forEach((one) => one.update({})); }
    async fetchUpdates() { return {}; }

    async submit() {
      for (const element of this.#made.filter((one) => one._isMounted)) {
        const { error } = await element._ask('validate');
        if (error) return { error };
      }
      return {};
    }

    get _card() {
      const found = ['payment', 'card', 'cardNumber'].map((kind) => this.getElement(kind)).find((element) => element?._isMounted);
      if (!found) throw new IntegrationError('No Element that takes a card is mounted.');
      return found;
    }
  }

  // The bank's question in a dialog over the page.
  function askTheBank(url) {
    const dialog = make('dialog', { position: 'fixed', inset: '0', width: '100%', height: '100%', maxWidth: 'none', maxHeight: 'none', margin: '0', padding: '16px',
      border: '0', boxSizing: 'border-box', background: 'rgba(10, 20, 19, .6)', overflow: 'auto' });
    dialog.setAttribute('aria-label', 'Confirm with your bank');
    const frame = make('iframe', { display: 'block', width: '100%', maxWidth: '440px', height: 'min(500px, 100%)', margin: 'auto', position: 'absolute', inset: '16px',
      border: '0', borderRadius: '10px', background: 'Canvas', maxHeight: 'calc(100% - 32px)' });
    Object.assign(frame, { title: 'Confirm with your bank', name: '__stripeChallengeFrame', src: `${url}&embedded=1` });
    style(frame, { width: 'calc(100% - 32px)' });
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

  const PAYMENT = { path: 'payment_intents', noun: 'paymentIntent', wire: 'payment_intent', failure: 'last_payment_error' };
  const SETUP = { path: 'setup_intents', noun: 'setupIntent', wire: 'setup_intent', failure: 'last_setup_error' };
  const kindOf = (secret) => (String(secret).startsWith('seti_') ? SETUP : PAYMENT);
  const idOf = (secret) => String(secret).split('_secret_')[0];

  function StripeClient(publishableKey, options = {}) {
    const api = async (method, path, form) => {
      const query = new URLSearchParams(form);
      const url = `${ORIGIN}/v1/${path}${method === 'GET' ? `?${query}` : ''}`;
      const headers = { Authorization: `Bearer ${publishableKey}` };
      if (options.apiVersion) headers['Stripe-Version'] = options.apiVersion;
      try {
        const response = await fetch(url, { method, headers, body: method === 'GET' ? undefined : query });
        return await response.json();
      } catch {
        return { error: UNREACHABLE };
      }
    };

    const wrap = (kind, answer) => {
      if (!answer.error) return { [kind.noun]: answer };
      return { error: answer.error };
    };

    const retrieve = async (kind, secret) => wrap(kind, await api('GET', `${kind.path}/${idOf(secret)}`, { client_secret: secret }));

    // Shows the bank's question if there is one and says how it ended.
    const settle = async (kind, secret, intent) => {
      if (intent.status !== 'requires_action') return { [kind.noun]: intent };
      const action = intent.next_action;
      await askTheBank(action.use_stripe_sdk?.stripe_js || action.redirect_to_url.url);
      const after = await retrieve(kind, secret);
      const ended = after[kind.noun];
      if (!ended || ended.status !== 'requires_payment_method') return after;
      return { error: { ...ended[kind.failure], [kind.wire]: ended } };
    };

    const confirm = async (kind, secret, data = {}, { handleActions = true } = {}) => {
      if (!secret) throw new IntegrationError(`Missing value for ${kind.noun} client secret.`);
      const path = `${kind.path}/${idOf(secret)}/confirm`;
      const method = data.payment_method;
      const form = { client_secret: secret, use_stripe_sdk: true, return_url: data.return_url, setup_future_usage: data.setup_future_usage,
        receipt_email: data.receipt_email, shipping: data.shipping };
      if (method && typeof method === 'object') {
        const made = await tokenize({ type: 'card', ...method });
        if (made.error) return made;
        form.payment_method = made.paymentMethod.id;
      } else if (method) form.payment_method = method;
      else if (data.confirmation_token) form.confirmation_token = data.confirmation_token;
      else {
        const now = await retrieve(kind, secret);
        if (now.error) return now;
        if (now[kind.noun].status === 'requires_action') return handleActions ? settle(kind, secret, now[kind.noun]) : now;
      }
      const answer = await api('POST', path, flatten(form));
      const result = wrap(kind, answer);
      return result.error || !handleActions ? result : settle(kind, secret, result[kind.noun]);
    };

    const comeBack = (kind, secret, result, returnUrl) => {
      const url = new URL(returnUrl);
      url.searchParams.set(kind.wire, idOf(secret));
      url.searchParams.set(`${kind.wire}_client_secret`, secret);
      url.searchParams.set('redirect_status', 'succeeded');
      window.location.assign(url);
      return new Promise(() => {});
    };

    const confirmWithElements = async (kind, { elements, clientSecret, confirmParams = {}, redirect = 'always' }) => {
      const secret = clientSecret || elements?.options.clientSecret;
      const { payment_method: method, payment_method_data: data, return_url: returnUrl, ...rest } = confirmParams;
      if (redirect === 'always' && !returnUrl) throw new IntegrationError('confirmParams.return_url is required unless redirect is if_required.');
      const chosen = elements && !rest.confirmation_token ? { card: elements._card, billing_details: data?.billing_details } : method;
      const result = await confirm(kind, secret, { payment_method: chosen, return_url: returnUrl, ...rest });
      return result.error || redirect === 'if_required' ? result : comeBack(kind, secret, result, returnUrl);
    };

    const tokenize = async (data) => {
      const card = data.elements ? data.elements._card : data.card;
      const details = data.elements ? data.params : data;
      const form = flatten({ type: 'card', billing_details: details?.billing_details, metadata: details?.metadata });
      const answer = card instanceof Element
        ? await card._ask('post', { path: '/v1/payment_methods', form, prefix: 'card' })
        : await api('POST', 'payment_methods', { ...form, ...flatten({ card }) });
      return answer.error ? { error: answer.error } : { paymentMethod: answer };
    };

    const createToken = async (element, { currency, ...holder } = {}) => {
      const answer = await element._ask('post', { path: '/v1/tokens', form: flatten({ card: { currency, ...holder } }), prefix: 'card' });
      return answer.error ? { error: answer.error } : { token: answer };
    };

    const createConfirmationToken = async ({ elements, payment_method: method, params = {} }) => {
      const { payment_method_data: said, return_url, shipping } = params;
      const made = method ? { paymentMethod: { id: method } } : await tokenize({ elements, params: said });
      if (made.error) return made;
      const form = { payment_method: made.paymentMethod.id, return_url, shipping, setup_future_usage: elements?.options.setupFutureUsage };
      const answer = await api('POST', 'test_helpers/confirmation_tokens', flatten(form));
      return answer.error ? { error: answer.error } : { confirmationToken: answer };
    };

    return {
      elements: (said = {}) => new Elements(publishableKey, said),
      createPaymentMethod: tokenize,
      createToken,
      createConfirmationToken,
      confirmCardPayment: (secret, data, how) => confirm(PAYMENT, secret, data, how),
      confirmCardSetup: (secret, data, how) => confirm(SETUP, secret, data, how),
      confirmPayment: (how) => confirmWithElements(PAYMENT, how),
      confirmSetup: (how) => confirmWithElements(SETUP, how),
      retrievePaymentIntent: (secret) => retrieve(PAYMENT, secret),
      retrieveSetupIntent: (secret) => retrieve(SETUP, secret),
      handleNextAction: async ({ clientSecret }) => {
        const kind = kindOf(clientSecret);
        const now = await retrieve(kind, clientSecret);
        return now.error ? now : settle(kind, clientSecret, now[kind.noun]);
      },
      handleCardAction: async (secret) => {
        const now = await retrieve(PAYMENT, secret);
        return now.error ? now : settle(PAYMENT, secret, now.paymentIntent);
      },
      registerAppInfo() {},
      _registerWrapper() {},
    };
  }

  window.Stripe = function Stripe(publishableKey, options) {
    const key = String(publishableKey || '');
    if (key.startsWith('sk_')) throw new IntegrationError('You should not use your secret key with Stripe.js. Please pass a publishable key instead.');
    if (!key.startsWith('pk_test_')) throw new IntegrationError('The sandbox takes publishable test keys only: pk_test_….');
    return StripeClient(key, options);
  };
  window.Stripe.version = 'endive';
})();

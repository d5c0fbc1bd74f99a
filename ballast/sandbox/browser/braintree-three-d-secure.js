// A stand-in of braintree-web's three-d-secure.js (3.144, version 2) for the processor sandbox: the bank's question in a dialog.
(() => {
  'use strict';

  const script = document.currentScript || document.querySelector('script[src*="/js/braintree/web/"]');
  const ORIGIN = new URL(script.src).origin;
  const VERSION = '3.144.0';
  const BANK = 'Confirm with your bank';

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

  function makeDialog(url) {
    const dialog = document.createElement('dialog');
    Object.assign(dialog.style, { position: 'fixed', inset: '0', width: '100%', height: '100%', maxWidth: 'none', maxHeight: 'none', margin: '0', padding: '16px',
      border: '0', boxSizing: 'border-box', background: 'rgba(10, 20, 19, .6)', overflow: 'auto' });
    dialog.setAttribute('aria-label', BANK);
    const frame = document.createElement('iframe');
    Object.assign(frame.style, { display: 'block', width: 'calc(100% - 32px)', maxWidth: '440px', height: 'min(500px, 100%)', maxHeight: 'calc(100% - 32px)', margin: 'auto',
      position: 'absolute', inset: '16px', border: '0', borderRadius: '10px', background: 'Canvas' });
    Object.assign(frame, { title: BANK, name: 'braintree-3ds-challenge', src: url });
    dialog.append(frame);
    return { dialog, frame };
  }

  class ThreeDSecure {
    #client; #listeners = new Map(); #busy = false; #cancel;

    constructor(client) { this.#client = client; }

    on(event, listener) { this.#listeners.set(event, [...(this.#listeners.get(event) || []), listener]); }
    off(event, listener) { this.#listeners.set(event, (this.#listeners.get(event) || []).filter((one) => one !== listener)); }
    #emit(event, ...details) { [...(this.#listeners.get(event) || [])].forEach((listener) => listener(...details)); }

    verifyCard = wrap(async (options = {}) => {
      if (this.#busy) throw new BraintreeError('MERCHANT', 'THREEDS_AUTHENTICATION_IN_PROGRESS', 'Cannot call verifyCard while existing authentication is in progress.');
      const missing = ['nonce', 'amount', 'bin'].find((name) => !options[name]);
      if (missing) throw new BraintreeError('MERCHANT', 'THREEDS_MISSING_VERIFY_CARD_OPTION', `verifyCard options must include ${missing}.`);
      if (!options.onLookupComplete && !this.#listeners.get('lookup-complete')?.length) {
        throw new BraintreeError('MERCHANT', 'THREEDS_MISSING_VERIFY_CARD_OPTION', 'verifyCard options must include an onLookupComplete function.');
      }
      this.#busy = true;
      try {
        return await this.#verify(options);
      } finally {
        this.#busy = false;
        this.#cancel = undefined;
      }
    });

    async #verify(options) {
      const { nonce, amount, email, billingAddress, additionalInformation, challengeRequested, onLookupComplete } = options;
      const answer = await this.#ask(`payment_methods/${nonce}/three_d_secure/lookup`, { amount, email, billingAddress, additionalInformation, challengeRequested, requestedThreeDSecureVersion: '2' });
      const requiresUserAuthentication = Boolean(answer.lookup.acsUrl);
      const data = { requiresUserAuthentication, lookup: answer.lookup, paymentMethod: answer.paymentMethod, threeDSecureInfo: answer.threeDSecureInfo };
      await new Promise((next) => {
        if (onLookupComplete) onLookupComplete(data, next);
        else this.#emit('lookup-complete', data, next);
      });
      if (!requiresUserAuthentication) return this.#result(answer);
      await this.#question(answer.lookup.acsUrl);
      const decided = await this.#ask(`payment_methods/${nonce}/three_d_secure/authenticate`, {});
      if (decided.canceled) {
        this.#emit('customer-canceled');
        throw new BraintreeError('CUSTOMER', 'THREEDS_CARDINAL_SDK_CANCELED', 'Canceled by user.');
      }
      return this.#result(decided);
    }

    async #ask(endpoint, data) {
      try {
        return await this.#client.request({ endpoint, data });
      } catch (originalError) {
        if (originalError.code === 'CLIENT_REQUEST_ERROR' && originalError.details?.httpStatus === 422) {
          throw new BraintreeError('CUSTOMER', 'THREEDS_LOOKUP_VALIDATION_ERROR', 'The data passed in `verifyCard` did not pass validation checks.', { originalError });
        }
        throw new BraintreeError('UNKNOWN', 'THREEDS_LOOKUP_ERROR', 'Something went wrong during the 3D Secure lookup.', { originalError });
      }
    }

    // What the bank said. A failed authentication is a result, not an error: the shop decides what follows from it.
    #result({ paymentMethod, threeDSecureInfo }) {
      const { liabilityShifted, liabilityShiftPossible } = threeDSecureInfo;
      return { nonce: paymentMethod.nonce, type: 'CreditCard', details: paymentMethod.details, description: paymentMethod.description, binData: paymentMethod.binData,
        liabilityShifted, liabilityShiftPossible, threeDSecureInfo, rawCardinalSDKVerificationData: null };
    }

    #question(url) {
      const { dialog, frame } = makeDialog(url);
      document.body.append(dialog);
      return new Promise((resolve, reject) => {
        const close = () => {
          window.removeEventListener('message', hear);
          dialog.close();
          dialog.remove();
          this.#emit('authentication-modal-close');
        };
        const hear = (event) => {
          if (event.origin !== ORIGIN || event.source !== frame.contentWindow || event.data?.type !== 'challenge-done') return;
          close();
          resolve();
        };
        this.#cancel = () => {
          close();
          reject(new BraintreeError('MERCHANT', 'THREEDS_VERIFY_CARD_CANCELED_BY_MERCHANT', '3D Secure verification canceled by merchant.'));
        };
        window.addEventListener('message', hear);
        dialog.addEventListener('cancel', (event) => {
          event.preventDefault();
          frame.contentWindow.postMessage({ type: 'challenge-cancel' }, ORIGIN);
        });
        dialog.showModal();
        frame.focus();
        this.#emit('authentication-modal-render');
      });
    }

    cancelVerifyCard = wrap(() => {
      if (!this.#busy) throw new BraintreeError('MERCHANT', 'THREEDS_NO_VERIFICATION_PAYLOAD', 'No verification payload available.');
      this.#cancel?.();
    });

    prepareLookup = wrap(({ nonce, bin }) => JSON.stringify({ nonce, bin, authorizationFingerprint: this.#client._said.authorizationFingerprint, braintreeLibraryVersion: `braintree/web/${VERSION}` }));
    teardown = wrap(() => this.#cancel?.());
  }

  const create = wrap(async (options = {}) => {
    if (String(options.version || '1')[0] !== '2') throw new BraintreeError('MERCHANT', 'THREEDS_UNRECOGNIZED_VERSION', `Version \`${options.version || '1'}\` is not a recognized version. You may need to update the version of your Braintree SDK to support this version.`);
    return new ThreeDSecure(options.client || await window.braintree.client.create({ authorization: options.authorization }));
  });

  window.braintree = window.braintree || {};
  window.braintree.threeDSecure = { create, VERSION };
})();

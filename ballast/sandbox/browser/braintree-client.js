// A stand-in of braintree-web's client.js (3.144) for the processor sandbox: reads a client token or tokenization key, and speaks for it.
(() => {
  'use strict';

  const script = document.currentScript || document.querySelector('script[src*="/js/braintree/web/"]');
  const ORIGIN = new URL(script.src).origin;
  const VERSION = '3.144.0';

  class BraintreeError extends Error {
    constructor(type, code, message, details) {
      super(message);
      Object.assign(this, { name: 'BraintreeError', type, code, details });
    }
  }

  // Every method of the library answers by a promise, or by a callback (error, result) if it is given one.
  const wrap = (work) => function wrapped(...args) {
    const callback = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    const promise = (async () => work.apply(this, args))();
    if (!callback) return promise;
    promise.then((result) => callback(null, result), (error) => callback(error));
    return undefined;
  };

  function readAuthorization(authorization) {
    const key = /^sandbox_[a-z0-9]+_(ballast_[\w-]+)$/.exec(authorization);
    if (key) {
      const clientApiUrl = `${ORIGIN}/merchants/${key[1]}/client_api`;
      return { authorizationType: 'TOKENIZATION_KEY', said: { tokenizationKey: authorization }, gatewayConfiguration: { merchantId: key[1], clientApiUrl, environment: 'sandbox' } };
    }
    const token = JSON.parse(atob(authorization));
    return { authorizationType: 'CLIENT_TOKEN', said: { authorizationFingerprint: token.authorizationFingerprint }, gatewayConfiguration: token };
  }

  class Client {
    #said; #configuration;

    constructor(authorization) {
      const { authorizationType, said, gatewayConfiguration } = readAuthorization(authorization);
      if (new URL(gatewayConfiguration.clientApiUrl).origin !== ORIGIN) throw new Error('The client token belongs to another gateway.');
      this.#said = said;
      this.#configuration = { authorization, authorizationType, gatewayConfiguration, analyticsMetadata: { sdkVersion: VERSION, platform: 'web' } };
    }

    getConfiguration() { return this.#configuration; }
    getVersion() { return VERSION; }
    teardown = wrap(() => undefined);

    request = wrap(async ({ endpoint, method = 'post', data = {} }) => {
      const url = `${this.#configuration.gatewayConfiguration.clientApiUrl}/v1/${endpoint}`;
      let response, body;
      try {
        const init = method === 'get' ? {} : { method: 'POST', body: JSON.stringify({ ...this.#said, ...data }), headers: { 'Content-Type': 'application/json' } };
        response = await fetch(method === 'get' ? `${url}?${new URLSearchParams({ ...this.#said, ...data })}` : url, init);
        body = await response.json();
      } catch (originalError) {
        throw new BraintreeError('NETWORK', 'CLIENT_REQUEST_ERROR', 'There was a problem with your request.', { originalError });
      }
      if (response.ok) return body;
      if (response.status === 429) throw new BraintreeError('MERCHANT', 'CLIENT_RATE_LIMITED', 'You are being rate-limited; please try again in a few minutes.');
      if (response.status === 401 || response.status === 403) throw new BraintreeError('MERCHANT', 'CLIENT_AUTHORIZATION_INVALID', 'Either the client token has expired and a new one should be generated or the tokenization key has been deactivated or deleted.');
      if (response.status >= 500) throw new BraintreeError('NETWORK', 'CLIENT_GATEWAY_NETWORK', 'Cannot contact the gateway at this time.');
      throw new BraintreeError('NETWORK', 'CLIENT_REQUEST_ERROR', 'There was a problem with your request.', { originalError: body, httpStatus: response.status });
    });

    get _said() { return this.#said; }
  }

  const create = wrap(async ({ authorization } = {}) => {
    if (!authorization) throw new BraintreeError('MERCHANT', 'INSTANTIATION_OPTION_REQUIRED', 'options.authorization is required when instantiating a client.');
    try {
      return new Client(authorization);
    } catch (originalError) {
      throw new BraintreeError('MERCHANT', 'CLIENT_INVALID_AUTHORIZATION', 'Authorization is invalid. Make sure your client token or tokenization key is valid.', { originalError });
    }
  });

  window.braintree = window.braintree || {};
  window.braintree.client = { create, VERSION };
})();

// A stand-in of braintree-web's data-collector.js (3.144) for the processor sandbox: it collects nothing.
(() => {
  'use strict';

  const VERSION = '3.144.0';

  // Every method of the library answers by a promise, or by a callback (error, result) if it is given one.
  const wrap = (work) => function wrapped(...args) {
    const callback = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    const promise = (async () => work(...args))();
    if (!callback) return promise;
    promise.then((result) => callback(null, result), (error) => callback(error));
    return undefined;
  };

  const create = wrap(() => {
    const correlationId = (crypto.randomUUID?.() || `${Date.now()}${Math.random()}`).replace(/\W/g, '').slice(0, 32);
    const rawDeviceData = { correlation_id: correlationId };
    const deviceData = JSON.stringify(rawDeviceData);
    return { deviceData, rawDeviceData, getDeviceData: wrap((options) => (options?.raw ? rawDeviceData : deviceData)), teardown: wrap(() => undefined) };
  });

  window.braintree = window.braintree || {};
  window.braintree.dataCollector = { create, VERSION };
})();

// A stand-in of braintree-web's data-collector.js (3.144) for the processor sandbox: it collects nothing.
(() => {
  'use strict';

  const VERSION = '3.144.0';

  async function make() {
    const correlationId = (crypto.randomUUID?.() || `${Date.now()}${Math.random()}`).replace(/\W/g, '').slice(0, 32);
    const rawDeviceData = { correlation_id: correlationId };
    return { deviceData: JSON.stringify(rawDeviceData), rawDeviceData, getDeviceData: async (options) => (options?.raw ? rawDeviceData : JSON.stringify(rawDeviceData)), teardown: async () => undefined };
  }

  function create(_options, callback) {
    if (!callback) return make();
    make().then((made) => callback(null, made), (error) => callback(error));
    return undefined;
  }

  window.braintree = window.braintree || {};
  window.braintree.dataCollector = { create, VERSION };
})();

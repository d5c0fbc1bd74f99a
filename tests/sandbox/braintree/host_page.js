'use strict';

const query = new URLSearchParams(location.search);
const show = (id, text) => { document.getElementById(id).textContent = text; };
const heard = new Set();

async function begin() {
  const client = await braintree.client.create({ authorization: query.get('token') });
  const fields = await braintree.hostedFields.create({
    client,
    styles: { input: { 'font-size': '18px', color: 'rgb(1, 2, 3)' }, '.invalid': { color: 'rgb(200, 0, 0)' } },
    fields: {
      number: { container: '#number', placeholder: '4111 1111 1111 1111' },
      expirationDate: { selector: '#expiry', placeholder: 'MM / YY' },
      cvv: { container: document.getElementById('cvv') },
      ...(query.get('postal') && { postalCode: { container: '#postal' } }),
    },
  });
  const secure = await braintree.threeDSecure.create({ client, version: 2 });
  const collector = await braintree.dataCollector.create({ client });
  ['focus', 'blur', 'empty', 'notEmpty', 'validityChange', 'cardTypeChange', 'binAvailable'].forEach((event) => fields.on(event, (detail) => {
    heard.add(event);
    show('events', [...heard].join(' '));
    if (detail.cards?.length === 1) show('state', detail.cards[0].niceType);
  }));
  secure.on('customer-canceled', () => heard.add('customer-canceled'));

  const verify = async (nonce, bin) => {
    const result = await secure.verifyCard({ nonce, bin, amount: query.get('amount') || '10.00', onLookupComplete: (data, next) => { heard.add(`lookup-${data.requiresUserAuthentication}`); next(); } });
    return `verified ${result.liabilityShifted} ${result.liabilityShiftPossible} ${result.threeDSecureInfo.status} ${result.nonce}`;
  };
  const actions = {
    tokenize: async () => {
      const made = await fields.tokenize({ cardholderName: 'Ann Example' });
      return `token ${made.details.cardType} ${made.details.lastFour} ${made.details.cardholderName} ${made.nonce}`;
    },
    vault: async () => {
      const made = await fields.tokenize({ vault: true });
      return `kept ${made.nonce}`;
    },
    callbacks: () => new Promise((resolve, reject) => {
      fields.tokenize((failed, made) => {
        if (failed) { reject(failed); return; }
        collector.getDeviceData({ raw: true }, (_, { correlation_id: id }) => {
          secure.verifyCard({ nonce: made.nonce, bin: made.details.bin, amount: '10.00', onLookupComplete: (_data, next) => next() }, (refused, result) => {
            if (refused) reject(refused);
            else resolve(`called back ${id.length} ${result.liabilityShifted} ${result.threeDSecureInfo.eciFlag}`);
          });
        });
      });
    }),
    verify: async () => {
      const made = await fields.tokenize();
      return verify(made.nonce, made.details.bin);
    },
    teardown: async () => { await fields.teardown(); return 'gone'; },
  };
  document.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      show('result', await actions[event.submitter.value]());
    } catch (error) {
      show('result', `error ${error.code} ${(error.details?.invalidFieldKeys || []).join(',')}`);
    }
    show('events', [...heard].join(' '));
  });
  show('state', `ready ${JSON.parse(collector.deviceData).correlation_id.length}`);
}

begin().catch((error) => show('state', `failed ${error.code}`));

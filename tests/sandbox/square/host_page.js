'use strict';

const query = new URLSearchParams(location.search);
const show = (id, text) => { document.getElementById(id).textContent = text; };
const verification = (intent) => ({ intent, ...(intent === 'STORE' ? {} : { amount: '10.00', currencyCode: 'USD' }),
  billingContact: { givenName: 'Ann', familyName: 'Example' }, customerInitiated: true, sellerKeyedIn: false });

async function begin() {
  const payments = Square.payments(query.get('app'), query.get('location'));
  const card = await payments.card();
  card.addEventListener('cardBrandChanged', (event) => show('state', `attached ${event.detail.cardBrand}`));
  await card.attach('#card');
  show('state', 'attached');
  const actions = {
    plain: () => card.tokenize(),
    charge: () => card.tokenize(verification('CHARGE')),
    store: () => card.tokenize(verification('STORE')),
    kept: () => card.tokenize(verification('CHARGE'), query.get('kept')),
    wrong: async () => ({ status: `marked ${await card.setError('postalCode')}` }),
    clear: async () => ({ status: String(await card.clear()) }),
    destroy: async () => ({ status: String(await card.destroy()) }),
  };
  document.querySelectorAll('button').forEach((button) => button.addEventListener('click', async () => {
    try {
      const result = await actions[button.value]();
      const { token, details, errors } = result;
      show('result', [result.status, token, details?.card.brand, details?.card.last4, details?.userChallenged, details?.billing.givenName, errors?.[0].type, errors?.[0].field]
        .filter((one) => one !== undefined).join(' '));
    } catch (error) {
      show('result', `threw ${error.name}`);
    }
  }));
}
begin().catch((error) => show('state', `threw ${error.name}`));

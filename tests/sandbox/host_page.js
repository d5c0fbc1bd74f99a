'use strict';

const query = new URLSearchParams(location.search);
const clientSecret = query.get('secret');
const show = (id, text) => { document.getElementById(id).textContent = text; };

if (query.get('key')) {
  const stripe = Stripe(query.get('key'), { apiVersion: '2026-10-28.endive' });
  const elements = stripe.elements({ clientSecret, appearance: { variables: { colorPrimary: '#0b5f5a' } } });
  const kinds = query.get('element') === 'split' ? ['cardNumber', 'cardExpiry', 'cardCvc'] : [query.get('element')];
  const made = kinds.map((kind, place) => {
    const element = elements.create(kind);
    element.on('ready', () => show('state', 'ready'));
    element.on('change', (state) => show('state', `ready ${state.complete ? 'complete' : 'incomplete'} ${state.brand || ''}`));
    element.mount(['#one', '#two', '#three'][place]);
    return element;
  });
  const billing = { name: 'Ann Example', address: { postal_code: '94107' } };
  const actions = {
    createPaymentMethod: () => stripe.createPaymentMethod({ type: 'card', card: made[0], billing_details: billing }),
    confirmCardPayment: () => stripe.confirmCardPayment(clientSecret, { payment_method: { card: made[0], billing_details: billing } }),
    confirmPayment: () => stripe.confirmPayment({ elements, confirmParams: { return_url: `${location.origin}/back` } }),
    createToken: () => stripe.createToken(made[0], { name: 'Ann Example' }),
    createConfirmationToken: () => stripe.createConfirmationToken({ elements, params: { return_url: `${location.origin}/back` } }),
    handleNextAction: () => stripe.handleNextAction({ clientSecret }),
  };
  document.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const { error, paymentIntent, ...others } = await actions[event.submitter?.value || 'createPaymentMethod']();
    if (error) show('result', ['error', error.code || error.type, error.payment_intent?.status].filter(Boolean).join(' '));
    else show('result', paymentIntent ? `paymentIntent ${paymentIntent.status}` : Object.entries(others).map(([noun, { id }]) => `${noun} ${id}`).join());
  });
}

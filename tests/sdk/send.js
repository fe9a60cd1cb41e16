// Sends events with the vendor's SDK for Node.js, unchanged except for the address. Prints the number of events by status.
//
//   node send.js URL API_KEY EVENTS QUEUE
//
// EVENTS views of the user `node`, an identification, a purchase with user properties, one malformed event, and one
// event without a user id; at most QUEUE events per request. The output is one line of JSON: `{"200": 7, "400": 1}`.

const { createInstance, Identify } = require('@amplitude/analytics-node');

const [url, key, events, queue] = process.argv.slice(2);
const client = createInstance();
const user = { user_id: 'node', device_id: 'a-device' };

async function main() {
  await client.init(key, {
    serverUrl: url,
    flushIntervalMillis: 50,
    flushQueueSize: Number(queue),
    // The test ends the retries, so this number is never reached.
    flushMaxRetries: 1000,
    logLevel: 0,
  }).promise;
  const sent = [];
  for (let nth = 0; nth < Number(events); nth += 1) {
    sent.push(client.track('View', { nth, page: { path: `/p/${nth}` } }, user));
  }
  const identify = new Identify();
  identify.set('city', 'Zürich').add('visits', 2).append('tags', 'new').setOnce('first', 'node').unset('gone');
  sent.push(client.identify(identify, user));
  sent.push(client.track({
    event_type: 'Purchase',
    event_properties: { amount: 60.5, items: ['a', 'b'] },
    user_properties: { plan: 'pro' },
    ...user,
  }));
  sent.push(client.track({ event_type: 'Malformed', time: 5, ...user }));
  sent.push(client.track('View', {}, { device_id: 'a-device' }));
  const ends = {};
  for (const { code } of await Promise.all(sent.map((one) => one.promise))) {
    ends[code] = (ends[code] ?? 0) + 1;
  }
  console.log(JSON.stringify(ends));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});

// Sends what real pages send, with the vendor's SDK for Node.js, unchanged except for the address: the clock is three
// hours slow, a text is cut in the middle of an emoji, and one event is sent three times. Prints the number of events by
// status.
//
//   node odd.js URL API_KEY

const SLOW_BY = 3 * 60 * 60 * 1000;
const RealDate = Date;
global.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length > 0 ? parts : [RealDate.now() - SLOW_BY]));
  }

  static now() {
    return RealDate.now() - SLOW_BY;
  }
};

const { createInstance } = require('@amplitude/analytics-node');

const [url, key] = process.argv.slice(2);
const client = createInstance();
const user = { user_id: 'node', device_id: 'a-device' };

async function main() {
  await client.init(key, { serverUrl: url, flushIntervalMillis: 50, logLevel: 0 }).promise;
  const sent = [
    client.track('View', {}, user),
    client.track('Comment', { text: 'Great 😀'.slice(0, 7) }, user),
    client.track('View', {}, { user_id: 'undefined', device_id: 'a-device' }),
  ];
  const results = await Promise.all(sent.map((one) => one.promise));
  // As after time-outs: the same event in requests of its own, each with the time of its call.
  for (let nth = 0; nth < 3; nth += 1) {
    results.push(await client.track('Buy', { nth }, { ...user, insert_id: 'order-17' }).promise);
  }
  const ends = {};
  for (const { code } of results) {
    ends[code] = (ends[code] ?? 0) + 1;
  }
  console.log(JSON.stringify(ends));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});

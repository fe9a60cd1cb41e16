//! Many clients at a time, and a real store.

use muster_store::StoreOptions;
use muster_testkit::store::TestStore;
use serde_json::json;

use super::client::*;
use super::*;

const CLIENTS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_events_are_in_the_store() {
    const REQUESTS: usize = 20;
    let store = TestStore::new();
    let settings = HttpSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        api_keys: vec![ApiKey::new(KEY)],
        connections: limits::MAX_CONNECTIONS,
        placeholder_ids: false,
    };
    let listener = bind(&settings).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stats, cancel) = (Arc::<SourceStats>::default(), CancellationToken::new());
    let running = {
        let (store, stats, cancel) = (store.clone(), Arc::clone(&stats), cancel.clone());
        tokio::spawn(async move { run_http(listener, store, &settings, stats, cancel).await })
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            tokio::spawn(async move {
                for nth in 0..REQUESTS {
                    let events = json!([
                        view(&format!("user{client}")),
                        view(&format!("user{client}-{nth}"))
                    ]);
                    assert_eq!(post(address, "/2/httpapi", body(&events)).await.status, 200);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let requests = (CLIENTS * REQUESTS) as u64;
    let commits = stats.commits();
    assert!(
        commits * 2 < requests,
        "{commits} commits for {requests} requests"
    );
    cancel.cancel();
    running.await.unwrap().unwrap();
    let store = store.reopened(&StoreOptions::default());
    let statistics = store.statistics().unwrap();
    assert_eq!(statistics.events, 2 * requests);
    assert_eq!(statistics.users, CLIENTS as u64 + requests);
    assert_eq!(stats.counts().events, 2 * requests);
}

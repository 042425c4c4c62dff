//! The addresses of hosts, asked for once. A command opens many connections to one host at the same moment; if each
//! asked the system, that many questions would leave at once, and one that is lost on the way holds its connection up for
//! the five seconds after which the system asks again.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// What is known for so long is asked for again: a host may move while a long command runs.
const FRESH: Duration = Duration::from_secs(30);

type Answer = Result<Vec<SocketAddr>, Arc<io::Error>>;
type Asking = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// What the system has said of hosts, by name.
pub(super) struct Addresses {
    ask: fn(String) -> Asking,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// Whoever asks for a host holds it, and all others wait for the answer; when it came.
type Host = tokio::sync::Mutex<Option<(Instant, Answer)>>;

impl Default for Addresses {
    fn default() -> Self {
        Self { ask: ask_system, hosts: Mutex::default() }
    }
}

impl std::fmt::Debug for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(name.as_str().to_owned()).or_default().clone();
        drop(hosts);
        let ask = self.ask;
        Box::pin(async move {
            let addresses = of(&host, name.as_str(), ask).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host. Those who wait together share a failure too; whoever comes later asks again.
async fn of(host: &Host, name: &str, ask: fn(String) -> Asking) -> Answer {
    let begun = Instant::now();
    let mut known = host.lock().await;
    let holds = |came: Instant, answer: &Answer| match answer {
        Ok(_) => came.elapsed() < FRESH,
        Err(_) => came >= begun,
    };
    if let Some((_, answer)) = known.as_ref().filter(|(came, answer)| holds(*came, answer)) {
        return answer.clone();
    }
    let answer = ask(name.to_owned()).await.map_err(Arc::new);
    *known = Some((Instant::now(), answer.clone()));
    answer
}

fn ask_system(name: String) -> Asking {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static ASKED: AtomicUsize = AtomicUsize::new(0);

    /// Fails the first time. One thread runs all tasks, and none waits before all have begun.
    fn ask(_name: String) -> Asking {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            match ASKED.fetch_add(1, Ordering::Relaxed) {
                0 => Err(io::Error::other("no such host")),
                _ => Ok(vec![SocketAddr::from(([192, 0, 2, 1], 0))]),
            }
        })
    }

    #[tokio::test]
    async fn those_who_wait_together_ask_once_and_a_failure_is_not_kept() {
        let addresses = Arc::new(Addresses { ask, hosts: Mutex::default() });
        for (asked, is_known) in [(1, false), (2, true), (2, true)] {
            let all: Vec<_> = (0..20)
                .map(|_| {
                    let addresses = addresses.clone();
                    tokio::spawn(async move { addresses.resolve("registry.example".parse().unwrap()).await.is_ok() })
                })
                .collect();
            for one in all {
                assert_eq!(one.await.unwrap(), is_known);
            }
            assert_eq!(ASKED.load(Ordering::Relaxed), asked);
        }
    }

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        let found = Addresses::default().resolve("localhost".parse().unwrap()).await;
        assert!(found.unwrap().all(|address| address.ip().is_loopback()));
    }
}

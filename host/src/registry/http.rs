//! One GET: lanes, credentials, redirects, retries, limits. Whatever comes out of it is a whole body or a typed error.
//! A HEAD goes the same way once, for whoever can do without its answer.

use std::{
    error::Error,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{
    Method, Url,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION,
    },
};
use tokio::{runtime::Runtime, time::timeout};

use super::{
    Lane, NetworkMode, NetworkSettings, RegistryError,
    body::{self, BodyError, Watch},
    budget::{Budget, Memory},
    error::Identity,
    lanes::{Lanes, Permit},
    retry::{self, Pauses},
    tls::Clients,
    urls::{may_follow, same_origin, without_secrets},
};
use crate::{
    config::credentials::Authorization,
    report::event::{Event, Report},
};

const MAX_REDIRECTS: usize = 5;

/// How long the answer to a HEAD is waited for at most.
const LONGEST_HEAD: Duration = Duration::from_secs(10);

/// A HEAD got none.
pub(super) struct NoAnswer;

/// The network of a command. It starts its threads at the first request.
pub struct Http {
    settings: NetworkSettings,
    lanes: Arc<Lanes>,
    pauses: Pauses,
    clients: Clients,
    helping: tokio::sync::Mutex<()>,
    report: Arc<dyn Report>,
    runtime: OnceLock<Runtime>,
}

/// Told of an attempt whose head is there: its number and the announced length. Who works on its body while it comes.
pub(crate) type Started = Box<dyn Fn(u32, Option<u64>) -> Option<Watch> + Send + Sync>;

/// What is asked for.
pub(crate) struct Query {
    /// Where.
    pub(crate) url: Url,
    /// In which lane.
    pub(crate) lane: Lane,
    /// `Accept`.
    pub(crate) accept: &'static str,
    /// `Accept-Encoding`.
    pub(crate) encoding: &'static str,
    /// Validators.
    pub(crate) headers: HeaderMap,
    /// The largest body, bytes.
    pub(crate) cap: usize,
    /// What the body takes of it is given back with the response.
    pub(crate) budget: Option<Budget>,
    /// Told of each attempt once its head is there.
    pub(crate) started: Option<Started>,
}

/// A whole answer: 2xx, or 304 to who sent validators.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: Url,
    /// The head.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Vec<u8>,
    /// Memory that this body counts for.
    pub(crate) memory: Option<Memory>,
}

impl Response {
    /// Its head says that the body is compressed.
    pub(crate) fn is_packed(&self) -> bool {
        let encoding = self.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        matches!(encoding, Some(b"gzip" | b"x-gzip"))
    }
}

enum Failed {
    Final(RegistryError),
    MayPass(RegistryError, Option<Duration>),
}

impl Http {
    /// A network that has not been used yet.
    #[must_use]
    pub fn new(settings: NetworkSettings, report: Arc<dyn Report>) -> Arc<Self> {
        Arc::new(Self {
            lanes: Lanes::new(settings.concurrency),
            pauses: Pauses::default(),
            clients: Clients::default(),
            helping: tokio::sync::Mutex::default(),
            report,
            runtime: OnceLock::new(),
            settings,
        })
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &NetworkSettings {
        &self.settings
    }

    /// Where retries and warnings are told.
    pub(crate) fn report(&self) -> &Arc<dyn Report> {
        &self.report
    }

    /// Runs a task on the network's own threads.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let runtime = self.runtime.get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("network")
                .enable_io()
                .enable_time()
                .build()
                .expect("the system grants two threads and an event queue")
        });
        drop(runtime.spawn(task));
    }

    /// Fetches one address, with retries.
    ///
    /// # Errors
    /// [`RegistryError`]; final ones at once, others after all retries.
    pub(crate) async fn get(&self, query: &Query) -> Result<Response, RegistryError> {
        if self.settings.mode == NetworkMode::Offline {
            return Err(RegistryError::Offline { what: without_secrets(query.url.as_str()) });
        }
        let policy = self.settings.retry;
        let mut attempt = 1;
        loop {
            let (error, after) = match self.attempt(query, attempt).await {
                Ok(response) => return Ok(response),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::MayPass(error, after)) => (error, after),
            };
            let url = without_secrets(query.url.as_str());
            if let Some(after) = after.filter(|after| *after > retry::LONGEST_RETRY_AFTER) {
                return Err(RegistryError::RetryLater { url, seconds: after.as_secs() });
            }
            if attempt > policy.retries {
                return Err(error);
            }
            let wait = after.unwrap_or_else(|| policy.wait(attempt));
            if after.is_some() {
                self.pauses.set(&host(&query.url), wait);
            }
            self.report.event(Event::RequestRetry {
                attempt,
                max_retries: policy.retries,
                error: error.to_string(),
                wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                url,
            });
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Status and head of what is at an address, not from a cache on the way; `None` where that is not wanted any more
    /// when its turn comes. It is tried once, and not for long.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn head(
        &self,
        url: &Url,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Option<(u16, HeaderMap)>, NoAnswer> {
        if self.settings.mode == NetworkMode::Offline {
            return Ok(None);
        }
        let query = Query {
            url: url.clone(),
            lane: Lane::Head,
            accept: "*/*",
            encoding: "identity",
            headers: HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-cache"))]),
            cap: 0,
            budget: None,
            started: None,
        };
        let _permit = self.turn(&query).await;
        if !is_wanted() {
            return Ok(None);
        }
        // A token helper may take longer than an answer is waited for; what it says is remembered. If it fails, that is
        // told by the request.
        let _ = self.authorization(url).await;
        let longest = self.settings.timeouts.headers.min(LONGEST_HEAD);
        let answer = timeout(longest, self.follow(&Method::HEAD, &query)).await;
        let Ok(Ok((mut response, _))) = answer else { return Err(NoAnswer) };
        Ok(Some((response.status().as_u16(), std::mem::take(response.headers_mut()))))
    }

    /// Waits for a connection, and for a host that asked for a pause.
    async fn turn(&self, query: &Query) -> Permit {
        while let Some(left) = self.pauses.left(&host(&query.url)) {
            tokio::time::sleep(left).await;
        }
        self.lanes.acquire(query.lane).await
    }

    async fn attempt(&self, query: &Query, attempt: u32) -> Result<Response, Failed> {
        let permit = self.turn(query).await;
        let (mut response, identity) = self.follow(&Method::GET, query).await?;
        let url = without_secrets(query.url.as_str());
        let status = response.status().as_u16();
        // Who was sent no validators cannot confirm anything: behind a redirect to another origin there were none.
        let is_unchanged = status == 304 && !query.headers.is_empty() && same_origin(response.url(), &query.url);
        if !(200..300).contains(&status) && !is_unchanged {
            return Err(self.refused(response, url, identity).await);
        }
        let watch = query.started.as_ref().and_then(|started| started(attempt, response.content_length()));
        let mut memory = match &query.budget {
            Some(budget) => Some(budget.reserve(response.content_length()).await),
            None => None,
        };
        let limits = body::Limits { cap: query.cap, stall: self.settings.timeouts.stall };
        let read = body::read(&mut response, limits, watch, memory.as_mut()).await;
        drop(permit);
        let body = read.map_err(|error| match error {
            BodyError::TooLarge => Failed::Final(RegistryError::TooLarge { url, limit: query.cap }),
            BodyError::Stalled => {
                Failed::MayPass(RegistryError::Network { url, detail: "the body makes no progress".to_owned() }, None)
            }
            BodyError::Broken(detail) => Failed::MayPass(RegistryError::Network { url, detail }, None),
        })?;
        let url = response.url().clone();
        Ok(Response { status, url, headers: std::mem::take(response.headers_mut()), body, memory })
    }

    /// Sends the request and follows redirects, each with the credentials of its own address only.
    async fn follow(&self, method: &Method, query: &Query) -> Result<(reqwest::Response, Identity), Failed> {
        let mut url = query.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (response, identity) = self.send(method, query, &url).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, identity));
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let redirect = |detail: &str| {
                Failed::Final(RegistryError::Redirect { url: without_secrets(url.as_str()), detail: detail.to_owned() })
            };
            let next = location.and_then(|to| url.join(to).ok()).ok_or_else(|| redirect("it names no address"))?;
            let next = super::urls::parse(next.as_str()).map_err(|error| redirect(&error.to_string()))?;
            may_follow(&url, &next).map_err(redirect)?;
            url = next;
        }
        Err(Failed::Final(RegistryError::Redirect {
            url: without_secrets(query.url.as_str()),
            detail: format!("there are more than {MAX_REDIRECTS} redirects"),
        }))
    }

    async fn send(&self, method: &Method, query: &Query, url: &Url) -> Result<(reqwest::Response, Identity), Failed> {
        let shown = without_secrets(url.as_str());
        let client = self
            .clients
            .of(&self.settings, url)
            .map_err(|detail| Failed::Final(RegistryError::Certificate { url: shown.clone(), detail }))?;
        let mut request = client
            .request(method.clone(), url.clone())
            .header(ACCEPT, HeaderValue::from_static(query.accept))
            .header(ACCEPT_ENCODING, HeaderValue::from_static(query.encoding));
        if same_origin(url, &query.url) {
            request = request.headers(query.headers.clone());
        }
        let bad = |detail: String| Failed::Final(RegistryError::Credentials { url: shown.clone(), detail });
        let authorization = self.authorization(url).await.map_err(bad)?;
        if let Authorization::Header(secret) = &authorization {
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|_| bad("the token has characters that no header can carry".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        match timeout(self.settings.timeouts.headers, request.send()).await {
            Err(_) => {
                let detail = "it does not answer".to_owned();
                Err(Failed::MayPass(RegistryError::Network { url: shown, detail }, None))
            }
            Ok(Ok(response)) => {
                let identity = match authorization {
                    Authorization::None => Identity::None,
                    Authorization::Withheld => Identity::Withheld,
                    Authorization::Header(_) => Identity::Shown,
                };
                Ok((response, identity))
            }
            Ok(Err(error)) => {
                let detail = words(&error);
                Err(if detail.contains("certificate") {
                    Failed::Final(RegistryError::Certificate { url: shown, detail })
                } else {
                    Failed::MayPass(RegistryError::Network { url: shown, detail }, None)
                })
            }
        }
    }

    /// What goes with an address. A program that has to be run for it must not hold the network's threads up.
    async fn authorization(&self, url: &Url) -> Result<Authorization, String> {
        let credentials = &self.settings.credentials;
        if !credentials.may_run(url) {
            return credentials.authorization(url);
        }
        // One at a time: others that wait for it would each hold a thread.
        let _turn = self.helping.lock().await;
        let (credentials, url) = (credentials.clone(), url.clone());
        let asked = tokio::task::spawn_blocking(move || credentials.authorization(&url)).await;
        asked.unwrap_or_else(|_| Err("the token helper was lost".to_owned()))
    }

    async fn refused(&self, mut response: reqwest::Response, url: String, identity: Identity) -> Failed {
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let after = retry::retry_after(header("retry-after"), header("date"));
        let limits = body::Limits { cap: 8 << 10, stall: Duration::from_secs(1) };
        let message = match body::read(&mut response, limits, None, None).await {
            Ok(body) => said(&body),
            Err(_) => String::new(),
        };
        let error = RegistryError::Status { url, status, message, identity };
        if retry::may_pass(status) { Failed::MayPass(error, after) } else { Failed::Final(error) }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The registry's own words in an error's JSON body: `error`, `message` or `reason`, without control characters.
fn said(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let text = ["error", "message", "reason"].iter().find_map(|key| value.get(*key)?.as_str()).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn host(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// The deepest causes of an error of the HTTP library, without the address, which may hold secrets.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push(cause.to_string());
        next = cause.source();
    }
    words.dedup();
    match words.len() {
        0 if error.is_timeout() => "it takes too long".to_owned(),
        0 => "the request failed".to_owned(),
        length => words.split_off(length.saturating_sub(2)).join(": "),
    }
}

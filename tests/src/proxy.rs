//! A wire between Blocks and the sandbox's Slack that loses answers: a call arrives and is done, and Blocks never
//! learns of it. That is where doubles come from.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Forwards TCP connections; see [`Proxy::lose_answers_to`].
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    losing: Arc<Mutex<Option<String>>>,
    upstream: Arc<Mutex<String>>,
}

impl Proxy {
    /// Listens, and forwards to `upstream` (`host:port`).
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(upstream: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let proxy = Proxy { address, losing: Arc::default(), upstream: Arc::new(Mutex::new(upstream)) };
        let shared = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let proxy = shared.clone();
                let upstream = proxy.upstream.lock().unwrap_or_else(PoisonError::into_inner).clone();
                tokio::spawn(async move { proxy.forward(client, &upstream).await });
            }
        });
        proxy
    }

    /// From now on new connections go to this `host:port`.
    pub fn leads_to(&self, upstream: &str) {
        upstream.clone_into(&mut self.upstream.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// From now on a connection that carries a call of this method gives no more answers.
    pub fn lose_answers_to(&self, method: &str) {
        *self.losing.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("/{method} "));
    }

    /// All answers arrive again, on new connections.
    pub fn mend(&self) {
        *self.losing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn loses(&self, request: &[u8]) -> bool {
        let losing = self.losing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(request);
        losing.as_deref().is_some_and(|method| text.contains(method))
    }

    async fn forward(&self, client: TcpStream, upstream: &str) {
        let Ok(server) = TcpStream::connect(upstream).await else { return };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let mut lost = false;
        let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                // What is asked is looked at before anything is answered.
                biased;
                read = from_client.read(&mut asked) => {
                    let Some(bytes) = read.ok().filter(|count| *count > 0).and_then(|count| asked.get(..count)) else { return };
                    lost |= self.loses(bytes);
                    if to_server.write_all(bytes).await.is_err() {
                        return;
                    }
                }
                read = from_server.read(&mut answered) => {
                    let Some(bytes) = read.ok().filter(|count| *count > 0).and_then(|count| answered.get(..count)) else { return };
                    if !lost && to_client.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

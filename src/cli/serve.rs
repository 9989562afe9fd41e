//! `ambit serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Outcome, Place, terminal};
use crate::app::{Access, App, World};
use crate::http;

/// How long requests under way may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(15);

#[derive(Debug, clap::Args)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    place: Place,
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Trust the data directory's own issuer (`ambit token`); loopback addresses only.
    #[arg(long)]
    dev: bool,
}

impl ServeCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        let config = self.place.config()?;
        let address = self.listen.unwrap_or(config.listen);
        ensure!(
            self.dev,
            "no token issuer is configured; --dev trusts the data directory's own, for development"
        );
        ensure!(
            address.ip().is_loopback(),
            "--dev listens on loopback addresses only, and {address} is not one"
        );
        super::runtime()?.block_on(async {
            // The port first: if it is taken, nothing has been touched.
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))?;
            let data = self.place.data.clone();
            let app = tokio::task::spawn_blocking(move || {
                App::open(&data, config, Access::Write, true, World::real())
            })
            .await??;
            serve(app, listener).await
        })
    }
}

/// Serves until Ctrl-C or SIGTERM.
pub(super) async fn serve(mut app: App, listener: TcpListener) -> Result<Outcome> {
    let address = listener.local_addr()?;
    app.listens_on(address);
    crate::context::load_tokenizer();
    let app = Arc::new(app);
    app.record_start().await?;
    terminal::line(&format!("listening on http://{address}"))?;
    let (stopping, stopped) = tokio::sync::watch::channel(false);
    let mut for_serve = stopped.clone();
    let serving = http::serve(Arc::clone(&app), listener, async move {
        // An error means that the sender is gone, which is a reason to stop too.
        let _stopped = for_serve.wait_for(|stop| *stop).await;
    });
    let grace = async move {
        wait_for_signal().await?;
        stopping.send(true).ok();
        tokio::time::sleep(GRACE).await;
        anyhow::Ok(())
    };
    tokio::select! {
        served = serving => served?,
        waited = grace => waited?,
    }
    app.record_stop().await?;
    Ok(Outcome::Done)
}

/// Resolves on Ctrl-C or SIGTERM.
async fn wait_for_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

//! Who asks: a bearer token becomes a [`Subject`], and with its agent's registration an
//! [`AccessScope`], the value that every read of content demands.
//!
//! The road is `validate` (is the token genuine, for us, and current?) → `agents` (is the client
//! registered?) → `overage` (are all groups known?) → `scope`. Upholds FAIL-CLOSED (whatever is
//! missing, doubtful or partial ends as an [`IdentityError`], never as fewer groups) and ONE-DOOR
//! (an `AccessScope` is made in this file and nowhere else). Nothing here reads a clock: the one
//! instant of a request is passed in. No error holds any part of a token, so all may be logged.

mod agents;
mod claims;
mod development;
mod keys;
mod overage;
mod scope;
mod subject;
mod validate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use ambit_indexer::clock::Timestamp;
use ambit_indexer::label::Label;
use ambit_indexer::principal::{Principal, PrincipalSet, TenantId};
use thiserror::Error;

pub use agents::{Agents, AgentsError, COMMAND_LINE_AGENT, Collections, Registration, Tier};
pub use development::{
    DEVELOPMENT_AUDIENCE, DEVELOPMENT_TENANT, DevelopmentError, DevelopmentIssuer, TokenRequest,
};
pub use keys::{KeyError, Keys, Trust, TrustError, TrustedTenant, VerificationKey};
pub use overage::GroupsUnresolved;
pub use scope::{AccessScope, Refusal, ScopeVerdict};
pub use subject::{LocalCallerError, Role, Subject, SubjectKind};
pub use validate::{InvalidToken, MAX_AUTHORIZATION_BYTES};

/// Why a request has no [`Caller`].
///
/// The variants say how to answer; what is inside them is for logs and tests. A response must
/// not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// No bearer token was sent: 401 with a bare challenge, no error code (RFC 6750, 3.1).
    #[error("the request carries no bearer token")]
    MissingToken,
    /// Two Authorization headers, or one that is not `Bearer` and a token: 400 `invalid_request`.
    #[error("the authorization header is repeated or malformed")]
    MalformedRequest,
    /// The token is not acceptable: 401 `invalid_token`.
    #[error("the access token is not accepted: {0}")]
    InvalidToken(#[from] InvalidToken),
    /// The token is good but its client is not a registered agent: 403.
    #[error("the client is not a registered agent")]
    UnregisteredAgent,
    /// The groups of the caller are not known in full: 503 `group-resolution-unavailable`.
    #[error("the groups of the caller could not be resolved in full: {0}")]
    GroupResolutionUnavailable(#[from] GroupsUnresolved),
    /// The keys of the issuer are not known at present: 503.
    #[error("the signing keys of the issuer are unavailable")]
    KeysUnavailable,
}

/// Decides who asks: the trusted tenants and the registered agents.
#[derive(Debug)]
pub struct Identity {
    trust: Trust,
    agents: Agents,
}

impl Identity {
    /// Puts together what tokens are checked against.
    pub const fn new(trust: Trust, agents: Agents) -> Self {
        Self { trust, agents }
    }

    /// The registered agents.
    pub const fn agents(&self) -> &Agents {
        &self.agents
    }

    /// Turns the values of *all* Authorization headers of a request into its caller.
    ///
    /// `now` is the request's one reading of the clock: the token is checked against it, and the
    /// scope carries it on, so that nothing in the request sees another instant.
    ///
    /// # Errors
    ///
    /// See [`IdentityError`]. A caller whose groups are not all known is an error, because with
    /// denies a partial list is unsafe in both directions.
    pub async fn authenticate(
        &self,
        authorization: &[&[u8]],
        now: Timestamp,
    ) -> Result<Caller, IdentityError> {
        let result = self.caller_of(authorization, now).await;
        match &result {
            Ok(_) => {}
            Err(
                error @ (IdentityError::GroupResolutionUnavailable(_)
                | IdentityError::KeysUnavailable),
            ) => {
                // These need the operator: a claim, a consent or a connection is missing.
                tracing::warn!(reason = %error, "caller could not be identified");
            }
            // Anybody can cause these, so they must not be able to fill a log at its usual level.
            Err(error) => tracing::debug!(reason = %error, "caller refused"),
        }
        result
    }

    async fn caller_of(
        &self,
        authorization: &[&[u8]],
        now: Timestamp,
    ) -> Result<Caller, IdentityError> {
        let claims = validate::validate(&self.trust, authorization, now).await?;
        // Before the groups: a client that is not registered must not cost a directory call.
        let agent = self
            .agents
            .by_client(claims.client)
            .ok_or(IdentityError::UnregisteredAgent)?;
        let agent = Arc::clone(agent);
        let subject = Subject::from_claims(claims)?;
        let principals = subject.principals();
        Ok(Caller::new(subject, agent, principals, now, None))
    }

    /// The caller that an operator names on the command line (`--as 'user:alice,group:sre'`).
    ///
    /// No token is involved: whoever can read the data directory could read its content anyway.
    /// The agent is the built-in `command-line`: all collections, every label up to
    /// `highest_label`, tier `write`. The `reason` says in the audit log why nobody had to prove
    /// who they are.
    ///
    /// # Errors
    ///
    /// The principals have to be some that one token could stand for: at most one user or
    /// application, all of `tenant`, and not none at all.
    pub fn assert_local(asserted: LocalCaller, now: Timestamp) -> Result<Caller, LocalCallerError> {
        let subject = Subject::asserted(asserted.tenant, &asserted.principals)?;
        // Not `subject.principals()`: where only groups are named, the subject's own id is a
        // placeholder, which must not match anything.
        let principals = PrincipalSet::complete(asserted.principals);
        let agent = Arc::new(Registration::command_line(asserted.highest_label));
        let reason = Some(asserted.reason);
        Ok(Caller::new(subject, agent, principals, now, reason))
    }
}

/// Whom an operator says to be; see [`Identity::assert_local`].
#[derive(Clone, Debug)]
pub struct LocalCaller {
    /// The tenant in which the principals were resolved.
    pub tenant: TenantId,
    /// The complete list of principals, already resolved; `everyone` is added.
    pub principals: Vec<Principal>,
    /// The most sensitive label configured (`Labels::highest`).
    pub highest_label: Label,
    /// Why this is right without a token. Extraordinary power takes a reason; it is audited.
    pub reason: &'static str,
}

/// An authenticated caller: who asks, through which agent, and what the two together may read.
#[derive(Clone)]
pub struct Caller {
    subject: Subject,
    agent: Arc<Registration>,
    scope: AccessScope,
    asserted_because: Option<&'static str>,
}

impl Caller {
    // INVARIANT (ONE-DOOR): the only place that makes an `AccessScope`, from the principals of
    // the subject and the registration of the agent together.
    fn new(
        subject: Subject,
        agent: Arc<Registration>,
        principals: PrincipalSet,
        now: Timestamp,
        asserted_because: Option<&'static str>,
    ) -> Self {
        let scope = AccessScope::new(principals, &agent, now);
        Self {
            subject,
            agent,
            scope,
            asserted_because,
        }
    }

    /// The validated subject.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The registration of the agent through which the subject asks.
    pub const fn agent(&self) -> &Arc<Registration> {
        &self.agent
    }

    /// What subject and agent together may read, at the instant of this request.
    pub const fn scope(&self) -> &AccessScope {
        &self.scope
    }

    /// The reason, if an operator asserted this caller instead of a token proving it.
    pub const fn asserted_because(&self) -> Option<&'static str> {
        self.asserted_because
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("subject", &self.subject)
            .field("agent", &self.agent.name)
            .field("asserted_because", &self.asserted_because)
            .finish_non_exhaustive()
    }
}

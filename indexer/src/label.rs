//! Sensitivity labels: an ordered list from the configuration.

use thiserror::Error;

/// What a label is called that the configuration does not list.
const UNKNOWN_NAME: &str = "unknown";

/// A position in the configured list of labels; higher is more sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(u8);

impl Label {
    /// A label that the configuration no longer knows: above every ceiling, so nobody reads it.
    pub const UNKNOWN: Self = Self(u8::MAX);
}

/// The configured labels, from least to most sensitive, and the one that unlabelled nodes have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    unlabelled: Label,
}

/// Why a list of labels is not usable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LabelsError {
    /// Fewer than 1 or more than 64 labels.
    #[error("labels must list between 1 and 64 names")]
    Count,
    /// A name appears twice, is empty, or is the one kept for labels that are not known.
    #[error("label `{0}` is empty, listed twice, or reserved")]
    Name(String),
    /// The label for unlabelled documents is not in the list.
    #[error("the label for unlabelled documents, `{0}`, is not in the list of labels")]
    Unlabelled(String),
}

impl Labels {
    /// Builds the ordered list; `unlabelled` names the label of documents that state none.
    pub fn new(names: Vec<String>, unlabelled: &str) -> Result<Self, LabelsError> {
        if names.is_empty() || names.len() > 64 {
            return Err(LabelsError::Count);
        }
        for (position, name) in names.iter().enumerate() {
            if name.is_empty()
                || name == UNKNOWN_NAME
                || names.iter().take(position).any(|other| other == name)
            {
                return Err(LabelsError::Name(name.clone()));
            }
        }
        let position = position_of(&names, unlabelled);
        let unlabelled = position.ok_or_else(|| LabelsError::Unlabelled(unlabelled.to_owned()))?;
        Ok(Self { names, unlabelled })
    }

    /// The label with this exact name.
    pub fn get(&self, name: &str) -> Option<Label> {
        position_of(&self.names, name)
    }

    /// The name of a label; `unknown` for one that is not configured.
    pub fn name(&self, label: Label) -> &str {
        self.names
            .get(usize::from(label.0))
            .map_or(UNKNOWN_NAME, String::as_str)
    }

    /// The label of a document whose path states none.
    pub const fn unlabelled(&self) -> Label {
        self.unlabelled
    }

    /// The most sensitive label configured.
    pub fn highest(&self) -> Label {
        Label(u8::try_from(self.names.len().saturating_sub(1)).unwrap_or(0))
    }

    /// All names, from least to most sensitive.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Default for Labels {
    /// `public < general < confidential < highly-confidential`, unlabelled means `general`.
    fn default() -> Self {
        let names = ["public", "general", "confidential", "highly-confidential"];
        Self {
            names: names.map(str::to_owned).to_vec(),
            unlabelled: Label(1),
        }
    }
}

fn position_of(names: &[String], name: &str) -> Option<Label> {
    let position = names.iter().position(|known| known == name)?;
    u8::try_from(position).ok().map(Label)
}

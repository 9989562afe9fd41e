//! The bundled documents of `ambit demo`.

use std::path::Path;

use anyhow::{Context, Result};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "fixtures/corpus"]
struct Corpus;

/// Writes the bundled documents below a folder.
pub(super) fn unpack(folder: &Path) -> Result<()> {
    for name in Corpus::iter() {
        let file = Corpus::get(&name).context("a bundled document is missing")?;
        let path = folder.join(name.as_ref());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, &file.data)?;
    }
    Ok(())
}

//! The index's fields, and how our terms reach tantivy.

use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};

use super::analyzer::document_terms;
use crate::catalog::Ord;

/// The fields of the index.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// Number of the revision (`u64`, fast, indexed so that a revision can be deleted).
    pub ord: Field,
    /// Number of the chunk within the revision (`u64`, fast).
    pub number: Field,
    /// Exact count of terms of the chunk (`u64`, fast); the field norm is only an approximation.
    pub length: Field,
    /// Title, heading path and text in one field; terms with frequencies and positions.
    pub text: Field,
}

impl Fields {
    /// A chunk as the index takes it. Of its text, terms are kept and nothing else.
    pub fn chunk(&self, ord: Ord, number: u32, text: &str) -> TantivyDocument {
        let terms = pre_tokenized(text);
        let mut document = TantivyDocument::new();
        document.add_u64(self.ord, u64::from(ord));
        document.add_u64(self.number, u64::from(number));
        document.add_u64(self.length, terms.tokens.len() as u64);
        document.add_pre_tokenized_text(self.text, terms);
        document
    }
}

/// Builds the schema.
pub(super) fn schema() -> (Schema, Fields) {
    let (builder, fields) = schema_builder();
    (builder.build(), fields)
}

/// The schema with room for more fields.
pub fn schema_builder() -> (SchemaBuilder, Fields) {
    let mut builder = SchemaBuilder::new();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(true)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let fields = Fields {
        ord: builder.add_u64_field("ord", FAST | INDEXED),
        number: builder.add_u64_field("number", FAST),
        length: builder.add_u64_field("length", FAST),
        text: builder.add_text_field(
            "text",
            TextOptions::default().set_indexing_options(indexing),
        ),
    };
    (builder, fields)
}

/// The terms of a text in the form that tantivy takes without a tokenizer of its own. The text
/// itself is not stored.
fn pre_tokenized(text: &str) -> PreTokenizedString {
    let tokens = document_terms(text)
        .into_iter()
        .map(|term| Token {
            offset_from: 0,
            offset_to: 0,
            position: term.position as usize,
            text: term.text,
            position_length: 1,
        })
        .collect();
    PreTokenizedString {
        text: String::new(),
        tokens,
    }
}

//! The index's fields, and how our terms reach tantivy.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};

use super::analyzer::document_terms;

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

/// Builds the schema.
pub(super) fn schema() -> (Schema, Fields) {
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
    (builder.build(), fields)
}

/// The terms of a text in the form that tantivy takes without a tokenizer of its own. The text
/// itself is not stored.
pub(super) fn pre_tokenized(text: &str) -> PreTokenizedString {
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

//! The rows of the access table: ord → class and facts, in pages that versions of the table share.
//!
//! A write copies the pages that it touches, and the list of pages.

use std::sync::Arc;

use super::{DocumentFacts, Ord};

/// Rows of one page.
const PAGE_ROWS: usize = 256;
/// The class of an ord that nobody may read: deleted, superseded, staged, or never given out.
const NOBODY: u32 = u32::MAX;

/// Pages of rows. Pages without a live document are not kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pages: Vec<Option<Arc<Page>>>,
}

#[derive(Clone, Debug)]
struct Page {
    /// Apart from the facts, because building a scope reads all classes and nothing else.
    classes: [u32; PAGE_ROWS],
    facts: Vec<Option<Arc<DocumentFacts>>>,
    live: usize,
}

impl Page {
    fn empty() -> Self {
        Self {
            classes: [NOBODY; PAGE_ROWS],
            facts: vec![None; PAGE_ROWS],
            live: 0,
        }
    }
}

impl Rows {
    /// The class of a live ord.
    pub(super) fn class(&self, ord: Ord) -> Option<u32> {
        let page = self.pages.get(ord as usize / PAGE_ROWS)?.as_ref()?;
        let class = *page.classes.get(ord as usize % PAGE_ROWS)?;
        (class != NOBODY).then_some(class)
    }

    /// The facts of a live ord.
    pub(super) fn facts(&self, ord: Ord) -> Option<&DocumentFacts> {
        let page = self.pages.get(ord as usize / PAGE_ROWS)?.as_ref()?;
        page.facts.get(ord as usize % PAGE_ROWS)?.as_deref()
    }

    /// Puts a live row in place; returns the class that the ord had.
    pub(super) fn put(&mut self, ord: Ord, class: u32, facts: DocumentFacts) -> Option<u32> {
        let position = ord as usize / PAGE_ROWS;
        if self.pages.len() <= position {
            self.pages.resize(position + 1, None);
        }
        let page = self.pages.get_mut(position)?;
        let page = Arc::make_mut(page.get_or_insert_with(|| Arc::new(Page::empty())));
        let row = ord as usize % PAGE_ROWS;
        let (slot, facts_slot) = (page.classes.get_mut(row)?, page.facts.get_mut(row)?);
        let before = std::mem::replace(slot, class);
        *facts_slot = Some(Arc::new(facts));
        if before == NOBODY {
            page.live += 1;
            return None;
        }
        Some(before)
    }

    /// Takes a row away; returns the class that the ord had.
    pub(super) fn take(&mut self, ord: Ord) -> Option<u32> {
        let before = self.class(ord)?;
        let place = self.pages.get_mut(ord as usize / PAGE_ROWS)?;
        let page = Arc::make_mut(place.as_mut()?);
        let row = ord as usize % PAGE_ROWS;
        *page.classes.get_mut(row)? = NOBODY;
        *page.facts.get_mut(row)? = None;
        page.live -= 1;
        if page.live == 0 {
            *place = None;
        }
        Some(before)
    }

    /// All live ords, ascending.
    pub(super) fn live(&self) -> impl Iterator<Item = Ord> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.filter_map(|(position, page)| Some((position, page.as_ref()?)));
        pages.flat_map(|(position, page)| {
            let rows = page.classes.iter().enumerate();
            let live = rows.filter(|(_, class)| **class != NOBODY);
            live.filter_map(move |(row, _)| u32::try_from(position * PAGE_ROWS + row).ok())
        })
    }

    /// Bytes held, texts included.
    pub(super) fn memory_bytes(&self) -> usize {
        let kept = self.pages.iter().flatten();
        let facts = kept.clone().flat_map(|page| page.facts.iter().flatten());
        let texts: usize = facts
            .map(|facts| {
                size_of::<DocumentFacts>() + 48 + facts.id.as_str().len() + facts.tags.len() * 16
            })
            .sum();
        let page = size_of::<Page>() + PAGE_ROWS * size_of::<Option<Arc<DocumentFacts>>>();
        self.pages.len() * size_of::<Option<Arc<Page>>>() + kept.count() * page + texts
    }
}

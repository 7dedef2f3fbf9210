//! Circles of resources that refer to each other.

use std::collections::HashSet;

use super::index::Index;
use super::resource::Id;

impl Index {
    /// The path over references to resources that leads from one back to itself; none if there is no such path.
    pub(crate) fn cycle(&self, id: &Id) -> Option<Vec<Id>> {
        let mut path = vec![id.clone()];
        let mut seen = HashSet::new();
        self.extend(&mut path, &mut seen).then_some(path)
    }

    fn extend(&self, path: &mut Vec<Id>, seen: &mut HashSet<Id>) -> bool {
        let Some(resource) = path.last().and_then(|last| self.get(last)) else { return false };
        let Ok(declared) = &resource.declared else { return false };
        for reference in declared.references() {
            let Some(next) = self.referred(&resource.id, &reference).map(|next| next.id.clone()) else {
                continue;
            };
            if path.first() == Some(&next) {
                path.push(next);
                return true;
            }
            if seen.insert(next.clone()) {
                path.push(next);
                if self.extend(path, seen) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }
}

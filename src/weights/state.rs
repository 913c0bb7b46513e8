//! Named f32 tensors in host memory.

use std::collections::BTreeMap;

/// A tensor in host memory, with its values in row-major order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// Tensors by name, in insertion order.
#[derive(Clone, Debug, Default)]
pub struct StateDict {
    tensors: Vec<(String, Tensor)>,
    positions: BTreeMap<String, usize>,
}

impl StateDict {
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.positions.get(name).map(|&i| &self.tensors[i].1)
    }

    /// # Errors
    /// [`MissingTensor`] if there is no tensor of that name.
    pub fn require(&self, name: &str) -> Result<&Tensor, MissingTensor> {
        self.get(name).ok_or_else(|| MissingTensor(name.into()))
    }

    /// Adds a tensor, or replaces the one of that name and keeps its position.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        let name = name.into();
        match self.positions.get(&name) {
            Some(&i) => self.tensors[i].1 = tensor,
            None => {
                self.positions.insert(name.clone(), self.tensors.len());
                self.tensors.push((name, tensor));
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }
}

/// A tensor that the architecture needs and the state dict lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tensor `{0}` is missing")]
pub struct MissingTensor(pub String);

/// Two state dicts are equal if the same names have the same tensors, in any order.
impl PartialEq for StateDict {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, tensor)| other.get(name) == Some(tensor))
    }
}

impl<N: Into<String>> FromIterator<(N, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (N, Tensor)>>(tensors: I) -> Self {
        let mut state = Self::default();
        tensors
            .into_iter()
            .for_each(|(name, tensor)| state.insert(name, tensor));
        state
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;

    fn into_iter(self) -> Self::IntoIter {
        self.tensors.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_replaces_in_place() {
        let one = |v: f32| Tensor {
            shape: vec![1],
            data: vec![v],
        };
        let mut state: StateDict = [("b", one(1.0)), ("a", one(2.0))].into_iter().collect();
        state.insert("b", one(3.0));
        assert_eq!(
            state.iter().map(|(n, t)| (n, t.data[0])).collect::<Vec<_>>(),
            [("b", 3.0), ("a", 2.0)]
        );
        assert_eq!(state.get("a"), Some(&one(2.0)));
        assert_eq!(state.get("c"), None);
        let reordered: StateDict = [("a", one(2.0)), ("b", one(3.0))].into_iter().collect();
        assert_eq!(state, reordered);
    }
}

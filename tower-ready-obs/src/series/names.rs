//! Names as numbers, so that the key of a series need not hold text.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicUsize, Ordering::*},
};

use tower_ready_core::Route;

use super::hash::hash;

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u32);

/// Names of routes, methods or peers. There are more and more of them, up to a bound.
pub(crate) struct Names {
    places: Box<[OnceLock<(u64, Route)>]>,
    len: AtomicUsize,
    max: usize,
    /// Held by who adds a name, so that the last place goes to whoever comes first.
    adding: Mutex<()>,
}

impl Name {
    /// No name is known.
    pub(crate) const NONE: Self = Self(0);

    /// A name that is none of those that are known.
    pub(crate) const OTHER: Self = Self(1);

    /// How many numbers stand for no place.
    const RESERVED: u32 = 2;

    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

impl Names {
    /// Room for this many.
    pub(crate) fn new(max: usize) -> Self {
        let places = (max * 2).next_power_of_two().max(4);
        Self {
            places: (0..places).map(|_| OnceLock::new()).collect(),
            len: AtomicUsize::new(0),
            max,
            adding: Mutex::default(),
        }
    }

    /// The number of a name, if it has one.
    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<Name> {
        self.find(name).ok()
    }

    /// The number of a name, which it is given now if it has none; when there is no room, that of
    /// any other name.
    #[inline]
    pub(crate) fn get_or_insert(&self, name: &str, own: impl FnOnce() -> Route) -> Name {
        self.find(name).unwrap_or_else(|_| self.insert(name, own()))
    }

    /// The text of a name.
    pub(crate) fn text(&self, name: Name) -> Option<&str> {
        match name {
            Name::NONE => None,
            Name::OTHER => Some("_OTHER"),
            Name(number) => {
                let place = self.places.get((number - Name::RESERVED) as usize)?;
                place.get().map(|(_, route)| route.as_str())
            }
        }
    }

    /// The number of a name, or else the place where it would be.
    #[inline]
    fn find(&self, name: &str) -> Result<Name, usize> {
        let hash = hash(name.as_bytes());
        let mask = self.places.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            match self.places[place].get() {
                Some((other, text)) if *other == hash && text.as_str() == name => {
                    return Ok(Name(place as u32 + Name::RESERVED));
                }
                Some(_) => place = (place + 1) & mask,
                None => return Err(place),
            }
        }
    }

    #[cold]
    fn insert(&self, name: &str, own: Route) -> Name {
        // To Prometheus a label that is empty is none.
        if name.is_empty() {
            return Name::NONE;
        }
        // A full list stays so: nobody waits for his turn to hear that.
        let _turn =
            (!self.is_full()).then(|| self.adding.lock().unwrap_or_else(PoisonError::into_inner));
        match self.find(name) {
            Ok(found) => found,
            Err(_) if self.is_full() => Name::OTHER,
            Err(place) => {
                let _ = self.places[place].set((hash(name.as_bytes()), own));
                self.len.fetch_add(1, Release);
                Name(place as u32 + Name::RESERVED)
            }
        }
    }

    fn is_full(&self) -> bool {
        self.len.load(Acquire) >= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_a_full_list_takes_no_more() {
        let names = Names::new(50);
        let number = |n: usize| {
            let name = format!("/orders/{n}");
            names.get_or_insert(&name, || Route::from(name.as_str()))
        };
        let first: Vec<_> = (0..50).map(number).collect();
        assert_eq!((0..50).map(number).collect::<Vec<_>>(), first);
        assert_eq!(names.text(first[7]), Some("/orders/7"));
        assert_eq!(number(50), Name::OTHER);
        assert_eq!(names.get("/orders/50"), None);
        assert_eq!(names.text(Name::OTHER), Some("_OTHER"));
        assert_eq!(names.text(Name::NONE), None);
        assert_eq!(names.get_or_insert("", || Route::from("")), Name::NONE);
    }

    #[test]
    fn threads_give_a_name_the_same_number() {
        let names = Names::new(1_000);
        let number = || -> Vec<Name> {
            let number = |n: usize| {
                let name = format!("/{n}");
                names.get_or_insert(&name, || Route::from(name.as_str()))
            };
            (0..500).map(number).collect()
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(number)).collect();
            let mut all = threads.into_iter().map(|it| it.join().unwrap());
            let first = all.next().unwrap();
            assert!(all.all(|other| other == first));
        });
    }

    #[test]
    fn the_last_number_is_for_all_who_ask_for_its_name() {
        let lists: Vec<_> = (0..2_000).map(|_| Names::new(1)).collect();
        let barrier = std::sync::Barrier::new(2);
        let insert = || {
            let turned_away = lists.iter().filter(|names| {
                barrier.wait();
                names.get_or_insert("/", || Route::from_static("/")) == Name::OTHER
            });
            turned_away.count()
        };
        let turned_away = std::thread::scope(|scope| {
            let threads = [scope.spawn(insert), scope.spawn(insert)];
            threads.map(|it| it.join().unwrap())
        });
        assert_eq!(turned_away, [0, 0]);
    }
}

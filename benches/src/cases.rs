use crate::Repeat;

/// The cases of one concern, in groups with one baseline each.
#[derive(Debug)]
pub struct Cases {
    concern: &'static str,
    groups: Vec<Group>,
}

/// Cases that are compared with one baseline.
#[derive(Debug)]
pub struct Group {
    pub(crate) concern: &'static str,
    pub(crate) name: &'static str,
    pub(crate) baseline: Case,
    pub(crate) cases: Vec<Case>,
}

/// One line of a table.
#[derive(Debug)]
pub struct Case {
    pub(crate) name: &'static str,
    pub(crate) is_peer: bool,
    pub(crate) repeat: Repeat,
}

impl Cases {
    pub(crate) const fn new(concern: &'static str) -> Self {
        Self { concern, groups: Vec::new() }
    }

    /// Cases that do something around a baseline, such as layers around a service.
    pub fn over(
        &mut self,
        name: &'static str,
        baseline: &'static str,
        repeat: Repeat,
    ) -> &mut Group {
        let baseline = Case { name: baseline, is_peer: false, repeat };
        self.groups.push(Group { concern: self.concern, name, baseline, cases: Vec::new() });
        self.groups.last_mut().expect("one was pushed")
    }

    /// Mere operations.
    pub fn operations(&mut self, name: &'static str) -> &mut Group {
        self.over(name, "nothing", Repeat::nothing())
    }

    /// The cases whose path starts with one of the filters, and their baselines.
    pub(crate) fn chosen(self, filters: &[String]) -> Vec<Group> {
        let mut groups = self.groups;
        for group in &mut groups {
            let (concern, name) = (group.concern, group.name);
            group.cases.retain(|case| {
                let path = format!("{concern}/{name}/{}", case.name);
                filters.is_empty() || filters.iter().any(|filter| path.starts_with(filter))
            });
        }
        groups.retain(|group| !group.cases.is_empty());
        groups
    }
}

impl Group {
    /// A case of our own.
    pub fn ours(&mut self, name: &'static str, repeat: Repeat) -> &mut Self {
        self.push(name, false, repeat)
    }

    /// The same work as others do it.
    pub fn peer(&mut self, name: &'static str, repeat: Repeat) -> &mut Self {
        self.push(name, true, repeat)
    }

    fn push(&mut self, name: &'static str, is_peer: bool, repeat: Repeat) -> &mut Self {
        self.cases.push(Case { name, is_peer, repeat });
        self
    }

    /// The baseline and the cases.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Case> {
        std::iter::once(&mut self.baseline).chain(&mut self.cases)
    }
}

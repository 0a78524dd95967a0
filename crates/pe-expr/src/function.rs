//! The table of functions: names, arities, and what people write instead.

use crate::suggest;

macro_rules! functions {
    ($($variant:ident $name:literal [$least:expr, $most:expr] $usage:literal,)*) => {
        /// A function of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function {
            $($variant,)*
        }

        impl Function {
            const ALL: &'static [Function] = &[$(Function::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Function::$variant => $name,)*
                }
            }

            /// Fewest and most arguments.
            pub(crate) fn arity(self) -> (usize, usize) {
                match self {
                    $(Function::$variant => ($least, $most),)*
                }
            }

            /// The call with the names of its parameters; optional ones end in `?`.
            pub(crate) fn usage(self) -> &'static str {
                match self {
                    $(Function::$variant => $usage,)*
                }
            }
        }
    };
}

functions! {
    Len "len" [1, 1] "len(value)",
    Lower "lower" [1, 1] "lower(text)",
    Upper "upper" [1, 1] "upper(text)",
    Trim "trim" [1, 1] "trim(text)",
    Split "split" [1, 2] "split(text, separator?)",
    Join "join" [1, 2] "join(list, separator?)",
    Replace "replace" [3, 3] "replace(text, old, new)",
    Contains "contains" [2, 2] "contains(value, part)",
    StartsWith "starts_with" [2, 2] "starts_with(text, prefix)",
    EndsWith "ends_with" [2, 2] "ends_with(text, suffix)",
    First "first" [1, 1] "first(value)",
    Last "last" [1, 1] "last(value)",
    Slice "slice" [2, 3] "slice(value, start, end?)",
    Keys "keys" [1, 1] "keys(map)",
    Values "values" [1, 1] "values(map)",
    Pluck "pluck" [2, 2] "pluck(list, key)",
    Sort "sort" [1, 2] "sort(list, key?)",
    Unique "unique" [1, 1] "unique(list)",
    Flatten "flatten" [1, 1] "flatten(list)",
    Sum "sum" [1, 1] "sum(list)",
    Min "min" [1, usize::MAX] "min(list)` or `min(a, b, ...)",
    Max "max" [1, usize::MAX] "max(list)` or `max(a, b, ...)",
    Abs "abs" [1, 1] "abs(number)",
    Round "round" [1, 2] "round(number, digits?)",
    Int "int" [1, 1] "int(value)",
    Float "float" [1, 1] "float(value)",
    Str "str" [1, 1] "str(value)",
    Json "json" [1, 1] "json(value)",
    ParseJson "parse_json" [1, 1] "parse_json(text)",
    Exists "exists" [1, 1] "exists(path)",
    Default "default" [2, 2] "default(path, value)",
    Any "any" [1, 1] "any(list)",
    All "all" [1, 1] "all(list)",
}

/// What other languages call our functions.
const ALIASES: &[(&str, Function)] = &[
    ("length", Function::Len),
    ("size", Function::Len),
    ("count", Function::Len),
    ("strip", Function::Trim),
    ("lowercase", Function::Lower),
    ("tolowercase", Function::Lower),
    ("uppercase", Function::Upper),
    ("touppercase", Function::Upper),
    ("startswith", Function::StartsWith),
    ("endswith", Function::EndsWith),
    ("includes", Function::Contains),
    ("has", Function::Contains),
    ("substring", Function::Slice),
    ("substr", Function::Slice),
    ("sorted", Function::Sort),
    ("map", Function::Pluck),
    ("set", Function::Unique),
    ("distinct", Function::Unique),
    ("number", Function::Float),
    ("string", Function::Str),
    ("tostring", Function::Str),
    ("tojson", Function::Json),
    ("to_json", Function::Json),
    ("dumps", Function::Json),
    ("loads", Function::ParseJson),
    ("from_json", Function::ParseJson),
    ("fromjson", Function::ParseJson),
    ("defined", Function::Exists),
    ("get", Function::Default),
    ("coalesce", Function::Default),
];

impl Function {
    /// The function of that name.
    pub(crate) fn from_name(name: &str) -> Option<Function> {
        Function::ALL.iter().copied().find(|function| function.name() == name)
    }

    /// The function that somebody who wrote `name` most likely meant.
    pub(crate) fn nearest(name: &str) -> Option<Function> {
        let lower = name.to_lowercase();
        Function::from_name(&lower)
            .or_else(|| {
                ALIASES.iter().find(|(alias, _)| *alias == lower).map(|(_, function)| *function)
            })
            .or_else(|| suggest::nearest(name, function_names()).and_then(Function::from_name))
    }

    /// The number of arguments in words: `1 argument`, `2 or 3 arguments`.
    pub(crate) fn arity_text(self) -> String {
        match self.arity() {
            (1, 1) => "1 argument".into(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, usize::MAX) => format!("at least {least} argument"),
            (least, most) => format!("{least} or {most} arguments"),
        }
    }
}

/// The names of all functions, in the order of the documentation.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    Function::ALL.iter().map(|function| function.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(Function::nearest(name).map(Function::name), expected, "{name}");
    }

    #[test]
    fn nearest_functions() {
        check("uper", Some("upper"));
        check("Len", Some("len"));
        check("toUpperCase", Some("upper"));
        check("strip", Some("trim"));
        check("system", None);
    }

    #[test]
    fn every_alias_is_a_name_that_we_do_not_have() {
        for (alias, _) in ALIASES {
            assert_eq!(Function::from_name(alias), None, "{alias}");
        }
    }
}

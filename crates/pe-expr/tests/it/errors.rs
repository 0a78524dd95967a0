//! What an error says: its text, place and suggestion.

use pe_expr::{ErrorKind, Expr, Limits};

use crate::semantics::scope;

fn fault(source: &str) -> pe_expr::ExprError {
    Expr::parse(source)
        .and_then(|expr| expr.evaluate(&scope(), &Limits::default()))
        .expect_err(source)
}

fn check(source: &str, column: usize, expected: &str) {
    let error = fault(source);
    assert_eq!(error.kind().to_string(), expected, "{source}");
    assert_eq!(error.line_column(), (1, column), "{source}: {error}");
}

#[test]
fn v7_syntax_at_its_column() {
    for (source, column, expected) in [
        ("", 1, "a value is due here, found the end"),
        ("1 +", 4, "a value is due here, found the end"),
        ("1 2", 3, "an operator is due here, found the number 2"),
        ("a b", 3, "an operator is due here, found `b`"),
        ("'a' 'b'", 5, "an operator is due here, found the string 'b'"),
        ("(1 + 2", 1, "this `(` is never closed by `)`"),
        ("[1, 2", 1, "this `[` is never closed by `]`"),
        ("{'a': 1", 1, "this `{` is never closed by `}`"),
        ("len(goal", 1, "this `len(` is never closed by `)`"),
        ("1)", 2, "`)` closes nothing"),
        ("1}", 2, "`}` closes nothing"),
        ("[1)", 3, "`)` found where `]` should close `[`"),
        ("()", 2, "a value is due here, found `)`"),
        ("goal[]", 6, "a value is due here, found `]`"),
        ("'abc", 1, "the string is never closed"),
        ("1 @ 2", 3, "`@` is not part of the language"),
        ("goal.", 5, "a name must follow the dot"),
        (
            "1 if true",
            3,
            "this `if` has no `else`; a conditional is written `a if condition else b`",
        ),
        (
            "[1 if true]",
            4,
            "this `if` has no `else`; a conditional is written `a if condition else b`",
        ),
        ("1 else 2", 3, "this `else` has no `if`"),
        (
            "1 if true if false else 2 else 3",
            11,
            "a second `if` before the `else` of the first; put the inner conditional in parentheses",
        ),
        ("1 not 2", 3, "`not` after a value must be followed by `in`"),
        (
            "1 == not 2",
            6,
            "`not` binds less tightly than the operator before it; put `not ...` in parentheses",
        ),
        ("(1, 2)", 3, "a comma outside of a list, map or call; lists are written `[a, b]`"),
        ("1, 2", 2, "a comma outside of a list, map or call; lists are written `[a, b]`"),
        ("{'a' 1}", 2, "the key `a` has no `:` and value"),
        ("{'a': 1, 'a': 2}", 1, "the key `a` is there twice"),
        ("{1: 2}", 2, "a key is due here, found the number 1; keys are strings: put it in quotes"),
        ("[1,,2]", 4, "a value is due here, found `,`"),
    ] {
        check(source, column, expected);
    }
}

#[test]
fn habits_of_other_languages() {
    for (source, column, expected) in [
        ("index = 0", 7, "an operator is due here, found `=`; did you mean `==`?"),
        ("index === 0", 7, "an operator is due here, found `===`; did you mean `==`?"),
        ("index is 0", 7, "an operator is due here, found `is`; did you mean `==`?"),
        ("index !== 0", 7, "an operator is due here, found `!==`; did you mean `!=`?"),
        ("index <> 0", 7, "an operator is due here, found `<>`; did you mean `!=`?"),
        (
            "2 ** 8",
            3,
            "an operator is due here, found `**`; there is no power operator; multiply instead",
        ),
        ("true AND true", 6, "an operator is due here, found `AND`; did you mean `and`?"),
        ("true & true", 6, "an operator is due here, found `&`; did you mean `and`?"),
        (
            "goal | upper",
            6,
            "an operator is due here, found `|`; did you mean `or`? filters are functions: `upper(x)`",
        ),
        (
            "true ? 1 : 2",
            6,
            "an operator is due here, found `?`; a conditional is written `a if condition else b`",
        ),
        (
            "goal[1:2]",
            7,
            "an operator is due here, found `:`; a part is cut out with `slice(value, start, end)`",
        ),
        ("goal[1, 2]", 7, "one index at a time; a part is cut out with `slice(value, start, end)`"),
        (
            "lambda x: x",
            1,
            "a value is due here, found `lambda`; there are no user-defined functions",
        ),
        (
            "[x for x in results]",
            4,
            "an operator is due here, found `for`; there are no loops; `pluck` reads one key of every element",
        ),
        ("goal.upper()", 6, "values have no methods, such as `upper`; write `upper(goal)`"),
        ("goal.strip()", 6, "values have no methods, such as `strip`; write `trim(goal)`"),
        (
            "results.search.title.startswith('R')",
            22,
            "values have no methods, such as `startswith`; write `starts_with(results.search.title, ...)`",
        ),
        (
            "goal.frobnicate()",
            6,
            "values have no methods, such as `frobnicate`; functions are written `name(value)`",
        ),
        ("(goal)(1)", 7, "only functions can be called, by their names"),
        (
            "{{ index }}",
            2,
            "a key is due here, found `{`; here the whole text is an expression already: leave out `{{` and `}}`",
        ),
    ] {
        check(source, column, expected);
    }
}

#[test]
fn names_and_functions_are_suggested() {
    for (source, column, expected) in [
        ("resuls.search", 1, "there is no variable `resuls` here; did you mean `results`?"),
        ("1 + indx", 5, "there is no variable `indx` here; did you mean `index`?"),
        ("TRUE", 1, "there is no variable `TRUE` here; did you mean `true`?"),
        ("frobnicate", 1, "there is no variable `frobnicate` here"),
        ("len", 1, "there is no variable `len` here; `len` is a function, called as `len(...)`"),
        ("default(resuls.a, 1)", 9, "there is no variable `resuls` here; did you mean `results`?"),
        ("uper(goal)", 1, "there is no function `uper`; did you mean `upper(text)`?"),
        ("length(goal)", 1, "there is no function `length`; did you mean `len(value)`?"),
        ("frobnicate(goal)", 1, "there is no function `frobnicate`"),
    ] {
        check(source, column, expected);
    }
}

#[test]
fn missing_values_are_named_as_written() {
    for (source, column, expected) in [
        (
            "results.search.titel",
            1,
            "`results.search.titel` is missing; did you mean `results.search.title`?",
        ),
        (
            "results.search['titel']",
            1,
            "`results.search['titel']` is missing; did you mean `results.search.title`?",
        ),
        (
            "1 + results.serach.title",
            5,
            "`results.serach` is missing; did you mean `results.search`?",
        ),
        (
            "results.fetch_data",
            1,
            "`results.fetch_data` is missing; did you mean `results[\"fetch-data\"]`?",
        ),
        ("results.other", 1, "`results.other` is missing: `results` has `search`, `fetch-data`"),
        (
            "results.search.items[7]",
            1,
            "`results.search.items[7]` is missing: there are 2 elements",
        ),
        (
            "results.search.items[-3]",
            1,
            "`results.search.items[-3]` is missing: there are 2 elements",
        ),
        ("[1][1]", 1, "`[1][1]` is missing: there is 1 element"),
        ("goal[99]", 1, "`goal[99]` is missing: there are 9 characters"),
        (
            "results.search.nothing.x",
            1,
            "`results.search.nothing.x` is missing: `results.search.nothing` is null",
        ),
        ("goal.x", 1, "`goal.x` is missing: `goal` is a string"),
        ("{}.a", 1, "`{}.a` is missing: `{}` is an empty map"),
        (
            "first([])",
            1,
            "`first(...)` is missing: there is no element; `default(..., value)` allows for that",
        ),
        (
            "pluck(results.search.items, 'nam')",
            1,
            "`nam` is missing: element 0 of argument 1 of `pluck` has no such key; did you mean `name`?",
        ),
    ] {
        check(source, column, expected);
        assert!(matches!(fault(source).kind(), ErrorKind::Missing { .. }), "{source}");
    }
    let list = fault("results.search.items.name").to_string();
    assert!(list.contains("is a list") && list.contains("`pluck`"), "{list}");
}

#[test]
fn types_are_named() {
    for (source, column, expected) in [
        ("1 and true", 1, "the left side of `and` takes true or false, found an integer"),
        ("true and 'a'", 10, "the right side of `and` takes true or false, found a string"),
        ("false or null", 10, "the right side of `or` takes true or false, found null"),
        ("not goal", 1, "`not` takes true or false, found a string"),
        ("1 if goal else 2", 6, "the condition of `if` takes true or false, found a string"),
        ("-goal", 1, "`-` takes a number, found a string"),
        ("1 < 'a'", 1, "the right side of `<` takes a number, as on its left, found a string"),
        ("'a' >= 1", 1, "the right side of `>=` takes a string, as on its left, found an integer"),
        ("null < 1", 1, "the left side of `<` takes a number or string, found null"),
        (
            "'a' + 1",
            1,
            "the right side of `+` takes a string, as on its left (`str(...)` makes one), found an integer",
        ),
        ("1 + 'a'", 1, "the right side of `+` takes a number, as on its left, found a string"),
        ("[1] + 1", 1, "the right side of `+` takes a list, as on its left, found an integer"),
        (
            "true + 1",
            1,
            "the left side of `+` takes two numbers, strings or lists, found a boolean",
        ),
        ("'a' - 'b'", 1, "the left side of `-` takes a number, found a string"),
        ("'a' * 1.5", 1, "the right side of `*` takes an integer, found a float"),
        ("1 in 2", 1, "the right side of `in` takes a list, string or map, found an integer"),
        ("1 in 'a'", 1, "the left side of `in` takes a string here, found an integer"),
        ("results[true]", 1, "an index takes a string or an integer, found a boolean"),
        ("1 + upper(5)", 5, "argument 1 of `upper` takes a string, found an integer"),
        ("replace('a', 'b', 1)", 1, "argument 3 of `replace` takes a string, found an integer"),
        (
            "any([true, 1])",
            1,
            "element 1 of argument 1 of `any` takes true or false, found an integer",
        ),
        (
            "sort([1, 'a'])",
            1,
            "element 1 of argument 1 of `sort` takes a number, as the first is, found a string",
        ),
        ("sum(['a'])", 1, "element 0 of argument 1 of `sum` takes a number, found a string"),
        ("len(1)", 1, "argument 1 of `len` takes a string, list or map, found an integer"),
    ] {
        check(source, column, expected);
    }
}

#[test]
fn arities_are_checked_when_parsed() {
    for (source, expected) in [
        ("len()", "`len` takes 1 argument, found 0; write `len(value)`"),
        (
            "replace('a', 'b')",
            "`replace` takes 3 arguments, found 2; write `replace(text, old, new)`",
        ),
        (
            "round(1, 2, 3)",
            "`round` takes 1 or 2 arguments, found 3; write `round(number, digits?)`",
        ),
        (
            "min()",
            "`min` takes at least 1 argument, found 0; write `min(list)` or `min(a, b, ...)`",
        ),
        ("exists()", "`exists` takes 1 argument, found 0; write `exists(path)`"),
        ("exists(goal, 1)", "`exists` takes 1 argument, found 2; write `exists(path)`"),
        ("default(goal)", "`default` takes 2 arguments, found 1; write `default(path, value)`"),
        ("default(goal,)", "`default` takes 2 arguments, found 1; write `default(path, value)`"),
        (
            "default(goal, 1, 2)",
            "`default` takes 2 arguments, found 3; write `default(path, value)`",
        ),
    ] {
        let error = Expr::parse(source).expect_err(source);
        assert_eq!(error.kind().to_string(), expected);
    }
}

#[test]
fn arithmetic_has_no_silent_results() {
    for (source, column, expected) in [
        ("1 / 0", 5, "division by zero"),
        ("1.0 // 0.0", 8, "division by zero"),
        ("1 % (1 - 1)", 5, "division by zero"),
        (
            "9223372036854775807 + 1",
            1,
            "the result does not fit a 64-bit integer; use `float(...)` for numbers of that size",
        ),
        (
            "-9223372036854775807 - 2",
            1,
            "the result does not fit a 64-bit integer; use `float(...)` for numbers of that size",
        ),
        (
            "9223372036854775807 * 9223372036854775807",
            1,
            "the result does not fit a 64-bit integer; use `float(...)` for numbers of that size",
        ),
        (
            "-(-9223372036854775808)",
            1,
            "the result does not fit a 64-bit integer; use `float(...)` for numbers of that size",
        ),
        ("1e308 * 10", 1, "the result is not a finite number"),
        ("1e308 * 10 - 1e308 * 10", 1, "the result is not a finite number"),
        (
            "int(1e30)",
            1,
            "the result does not fit a 64-bit integer; use `float(...)` for numbers of that size",
        ),
        (
            "sum([9223372036854775807, 1])",
            1,
            "the result does not fit a 64-bit integer; use `float(...)` for numbers of that size",
        ),
        (
            "int('12x')",
            1,
            "argument 1 of `int` cannot use '12x': it is not a 64-bit integer in decimal digits",
        ),
        (
            "float('inf')",
            1,
            "argument 1 of `float` cannot use 'inf': it is not a finite number in decimal digits",
        ),
        (
            "float('1e999')",
            1,
            "argument 1 of `float` cannot use '1e999': it is not a finite number in decimal digits",
        ),
        ("split('a', '')", 1, "argument 2 of `split` cannot use '': the separator is empty"),
        (
            "round(1.5, 99)",
            1,
            "argument 2 of `round` cannot use 99: the number of digits is from 0 to 15",
        ),
    ] {
        check(source, column, expected);
    }
    let error = fault("parse_json('{')");
    assert!(matches!(error.kind(), ErrorKind::Unusable { .. }), "{error}");
}

#[test]
fn an_error_says_where_in_several_lines() {
    let error = fault("1 +\n  2 / 0");
    assert_eq!(error.to_string(), "division by zero at line 2, column 7 in `  2 / 0`");
    assert_eq!(&error.text()[error.span().start..error.span().end], "0");
}

//! Names that are read as numbers without a `$`: `[[ $N -gt LIMIT ]]`, `${A[I]}`. One that is missing counts as 0.

use std::collections::BTreeSet;

use super::super::super::names::is_identifier;
use super::super::expansion::Read;
use super::super::scan::scan;
use super::facts::DECLARES;
use super::simple::{Part, Simple};

/// Between these, `[[` calculates.
const COMPARING: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];

/// Such names, and where they stand.
pub(super) fn counted(simple: &[Simple<'_, '_>], reads: &[Read<'_>]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut maps = BTreeSet::new();
    for one in simple {
        of_command(one, &mut found);
        maps.extend(mapped(one));
    }
    for part in simple.iter().flat_map(|one| &one.parts) {
        let Some((name, index)) = part.raw.split_once('=').and_then(|(left, _)| left.split_once('[')) else {
            continue;
        };
        if is_identifier(name) && !maps.contains(name) {
            let index = index.trim_end_matches('+').trim_end_matches(']');
            found.extend(names(index).into_iter().map(|name| (name, part.at)));
        }
    }
    for read in reads {
        let inside = read.text.strip_prefix("${").and_then(|text| text.strip_suffix('}')).unwrap_or_default();
        let Some((_, mut behind)) = inside.split_once(read.name).filter(|_| !read.name.is_empty()) else {
            continue;
        };
        if let Some((index, rest)) = behind.strip_prefix('[').and_then(|behind| behind.split_once(']')) {
            if !maps.contains(read.name) {
                found.extend(names(index).into_iter().map(|name| (name, read.at)));
            }
            behind = rest;
        }
        // `${X:FROM:LENGTH}`
        let part = behind.strip_prefix(':').filter(|part| !part.starts_with(['-', '=', '?', '+']));
        let parts = part.unwrap_or_default().split(':');
        found.extend(parts.flat_map(names).map(|name| (name, read.at)));
    }
    found
}

fn of_command(one: &Simple<'_, '_>, found: &mut Vec<(String, usize)>) {
    let mut take = |text: &str, at: usize| found.extend(names(text).into_iter().map(|name| (name, at)));
    if one.parts.iter().any(|part| part.plain() == "[[") {
        for three in one.parts.windows(3) {
            if let [left, operator, right] = three
                && COMPARING.contains(&operator.plain())
            {
                take(left.word.text(), left.at);
                take(right.word.text(), right.at);
            }
        }
    }
    for arg in declared(one, 'i') {
        if let Some((_, value)) = arg.word.text().split_once('=') {
            take(value, arg.at);
        }
    }
}

/// The names of what is declared as a map, in which words stand for themselves.
fn mapped<'a>(one: &Simple<'_, 'a>) -> impl Iterator<Item = &'a str> {
    declared(one, 'A').filter_map(|arg| arg.raw.split('=').next()).filter(|name| is_identifier(name))
}

/// What is declared with this option.
fn declared<'p, 't, 'a>(one: &'p Simple<'t, 'a>, option: char) -> impl Iterator<Item = &'p Part<'t, 'a>> {
    let declares = |program: &Part<'_, '_>| DECLARES.contains(&program.plain()) || program.plain() == "local";
    let args = one.program().filter(|(program, _)| declares(program)).map_or(&[][..], |(_, args)| args);
    let has = args.iter().any(|arg| arg.plain().starts_with('-') && arg.plain().contains(option));
    args.iter().filter(move |arg| has && !arg.plain().starts_with('-'))
}

/// The names in a calculation that have no `$`.
fn names(calculation: &str) -> Vec<String> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !calculation.contains(is_letter) {
        return Vec::new();
    }
    let text = format!("(({calculation}))");
    let reads = scan(&text).reads;
    reads.iter().filter(|read| read.text == read.name).map(|read| read.name.to_owned()).collect()
}

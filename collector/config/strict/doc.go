// Package strict reads YAML files that people write for a program that must not
// guess: the fleet file and simulated scenarios. It is the only package that
// knows YAML.
//
// A program that quietly ignores a misspelt key does something else than its
// owner believes, and that is found out on the worst day. So a file is either
// understood to the last key or refused, with all that is wrong in it at once,
// each [Problem] with file, line, column, what is wrong and what to do. The
// library's own struct decoder stops at the first mistake and knows no places,
// so the syntax tree is read by hand, in two steps:
//
//   - [Parse] makes a tree of [Node] values, each with its [Place], within
//     bounds of size, nesting and keys. A file from a stranger cannot make it
//     panic, recurse without end or copy without end.
//   - A [Reader] takes values out of the tree. Its methods return [Read]
//     functions that fill a variable and note what does not fit; [Reader.Object]
//     takes the [Keys] that are known and refuses all others, with the nearest
//     known word. What needs the whole file is put off with [Reader.Later] and
//     asked by [Reader.Settle].
//
// What keys there are and what they mean is the business of the packages that
// use this one.
package strict

// Package house holds the shape of Picket as a test and nothing else.
//
// The floors of the house are drawn in the README: arrows only point down, each
// third-party library has one door, the pure rooms stay pure, and every package
// says in its doc what it is for and why it is so. A drawing that nothing
// checks is soon a wish, so house_test.go reads the imports of every file and
// fails with the reason of the ban that was broken.
package house

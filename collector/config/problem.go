package config

import "picket/collector/config/strict"

// Problem is one thing that is wrong in the fleet file, and where.
type Problem = strict.Problem

// Problems is every problem of one file, in the order of the file. It is the
// error that [Parse] returns.
type Problems = strict.Problems

// Package notice drafts what a client is told of an incident, in plain language.
//
// A draft is for somebody who runs an office, not a network: it begins with what
// they notice, says whose trouble it is (their office, their internet provider,
// the cloud), what works, that they need to do nothing, and when they hear again.
// It says nothing that the evidence does not carry: a cause that nobody knows is
// not named, an office is called well only if its own agents answered and could
// reach the references, and where Picket has only lost contact there is no draft
// at all, because there is nothing to say yet ([ErrNothing] says why). When it is
// over, the draft has the times and how many minutes it was.
//
// A draft is a draft: a person reads it, changes it and sends it, by whatever way
// they write to that client. Picket notes when that was, because how long clients
// waited for the first word cannot be found out afterwards.
//
// # Languages
//
// The sentences of a language are one catalogue (english, spanish): templates by
// key, with the names of months. A test holds every catalogue to the same keys
// and draws each of them. Names of services and of internet providers are not
// translated.
//
// [Write] is a pure function.
package notice

// Package wire is the generated code of what travels between agents and
// collector, and lies in agents' spools: session.proto has the frames of a
// session, batch.proto the batches of results.
//
// Only package uplink uses it. All others speak the plain types of uplink and
// fleet, so that the form on the wire can grow without them: fields are added,
// never changed, and their numbers are for ever. generate.sh makes the code
// anew.
package wire

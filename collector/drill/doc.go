// Package drill plays outages: what a scenario breaks, and what agents would
// then have said. It is pure: no I/O, no clock, no goroutine; what was really
// said and the time come in, what is to be heard instead goes out.
//
// # Why a second engine
//
// A drill must try out everything from the agents' results to somebody's phone,
// and must not cost one second of real watching. So the production engine of
// [picket/collector/detect] hears what it always hears, and nothing else. Beside
// it stands a twin ([detect.Engine.Twin]) that hears the same through an
// [Injector], which rewrites the answers of the chosen sites about the chosen
// targets as failing. What the twin finds is marked detect.Incident.Drill and
// goes on through store, planner, outbox and channels as everything does. A real
// outage during a drill is found by the engine that is not in the drill, and told
// as real.
//
// # What is real in a drill, and what is played
//
//   - Results: real ones, when they really arrive. A chosen pair fails from its
//     first result after the start, so a drill waits for the schedule as an outage
//     does. With it goes the doubt that the agent would have sent; real agents
//     send it some 0.2 s before their result, which the figures of a drill lack.
//   - Rounds: the twin's questions go to the real agents, who really probe, and
//     their answers count after a real round trip. Per agent the twin asks at most
//     as often as the engine does (detect.Rule.RoundBudget, 9 in 10 s), so both
//     together stay below the 40 that an agent grants. Answers to the twin carry
//     [Rounds] in their number and reach nobody else.
//   - What vanishes without an answer takes as long as it would: an answer of a
//     black hole is held back until the deadline of its question is over.
//   - Silence: nothing of a chosen site reaches the twin.
//
// # A drill tells of itself alone
//
// Whatever else fails while it is played is withheld from the twin: a failing
// result, a doubt, a goodbye or a silence beyond the scenario would be told as a
// drill, to people who are told that it is real at the same moment. Votes of that
// sort abstain. Maintenance is unknown to the twin: what is being worked on may
// be drilled. As a second net, [Injector.Concerns] says whether what the twin
// found is of the drill.
//
// # The end
//
// When the time is up, answers are heard as they are, and the twin closes its
// incidents by its own rule after a minute of health, as in earnest. The collector
// ends a drill at once when somebody stops it, the configuration changes, or it
// stops itself; open incidents are then closed with detect.DrillEnded.
package drill

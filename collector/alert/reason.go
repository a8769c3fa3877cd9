package alert

import "fmt"

// Reason says why something is told, or why not.
type Reason string

// The reasons. The first group sends.
const (
	ReasonOpened      Reason = "opened"
	ReasonReopened    Reason = "reopened"     // it is back after "resolved" was told
	ReasonUpdated     Reason = "updated"      // surer, relabelled, of another layer or severity
	ReasonProviderAck Reason = "provider_ack" // the provider admits it
	ReasonStillOpen   Reason = "still_open"   // nothing has changed, and it goes on
	ReasonResolved    Reason = "resolved"     // health has lasted long enough
	ReasonSuperseded  Reason = "superseded"   // another incident explains it and goes on

	ReasonTooEarly        Reason = "too_early"        // the route's delay is not over
	ReasonBelowConfidence Reason = "below_confidence" // the route wants to be surer
	ReasonNotForRoute     Reason = "not_for_route"    // the route does not want this kind
	ReasonOtherClients    Reason = "other_clients"    // it hits none of the route's clients
	ReasonDrill           Reason = "drill"            // customers are not told of drills
	ReasonTransient       Reason = "transient"        // gone before anybody needed to know
	ReasonRecovering      Reason = "recovering"       // healthy again, for how long is open
	ReasonAlreadyTold     Reason = "already_told"     // nothing that would change a reader's mind
	ReasonRetrospective   Reason = "retrospective"    // found in late results: it was over before anybody knew
	ReasonInhibited       Reason = "inhibited"        // a wider incident explains it, and that one is told
	ReasonSilenced        Reason = "silenced"         // somebody wants to hear nothing of it for a time
	ReasonQuiet           Reason = "quiet_hours"      // the route wants to hear of nothing new now
	ReasonStorm           Reason = "storm"            // too many at once: one letter stands for all
	ReasonTooSoon         Reason = "too_soon"         // the last update was a moment ago
	ReasonNoUpdates       Reason = "no_updates"       // the route hears of the beginning and the end alone
)

// Words says d in a sentence for who asks why route r was told or not.
func (d Decision) Words(r Route) string {
	switch d.Reason {
	case ReasonOpened:
		return "it lasted long enough and nothing holds it back"
	case ReasonReopened:
		return "it is back after its end was told"
	case ReasonUpdated:
		return "what a reader knows of it is no longer right"
	case ReasonProviderAck:
		return "the provider has admitted it"
	case ReasonStillOpen:
		return "it goes on; this route hears so now and then"
	case ReasonResolved:
		return "health has lasted long enough"
	case ReasonEscalated:
		return "those who were told before have not acknowledged"
	case ReasonSuperseded:
		return fmt.Sprintf("incident %s explains it and goes on in its place", d.By)
	case ReasonBelowConfidence:
		return fmt.Sprintf("this route wants it to be %s", r.least().Word())
	case ReasonNotForRoute:
		return "this route does not want incidents of this kind (kinds)"
	case ReasonOtherClients:
		return "it hits none of the clients that this route is for (clients)"
	case ReasonDrill:
		return "it is a drill, and customers are not told of those (drills)"
	case ReasonTransient:
		return "it was over before it was due to be told"
	case ReasonRecovering:
		return "it works again; whether that lasts is not known yet"
	case ReasonAlreadyTold:
		return "the route knows all that would change a reader's mind"
	}
	return d.heldWords(r)
}

// heldWords is Words for what waits or is held back.
func (d Decision) heldWords(r Route) string {
	switch d.Reason {
	case ReasonTooEarly:
		return "it has not lasted long enough for this route (delay, or resolve_delay for its end)"
	case ReasonRetrospective:
		return "it was found in results that came late: it was over before anybody knew"
	case ReasonInhibited:
		return fmt.Sprintf("incident %s is wider and explains it; this is told if it outlasts that one", d.By)
	case ReasonSilenced:
		return fmt.Sprintf("it is silenced (silence %s)", d.By)
	case ReasonQuiet:
		return "the route is in its quiet hours (quiet)"
	case ReasonStorm:
		return fmt.Sprintf("more than %d messages in %s: one summary stands for all that follow", stormLimit, Span(StormWindow))
	case ReasonTooSoon:
		return fmt.Sprintf("updates on this route are at least %s apart", Span(r.Cadence.Apart))
	case ReasonNoUpdates:
		return "this route hears of the beginning and the end alone (updates)"
	case ReasonAcknowledged:
		return "somebody has taken it on, and there is nothing new"
	case ReasonLastResort:
		return "this route is told only if nobody acknowledges"
	}
	return string(d.Reason)
}

package alert

import "picket/collector/detect"

// A drill is told as an outage would be, on the same ways and in the same words,
// and says in every place where somebody could begin to read that it is one: the
// subject, the title, the first line, the field of the JSON. Nobody who sees
// half of a message may take it for real.

// tagDrill stands before the tag of a subject.
const tagDrill = "DRILL"

// drillSubject begins the subject of a drill; "" of what is real.
func drillSubject(i *detect.Incident) string {
	if !i.Drill {
		return ""
	}
	return "[" + tagDrill + "]"
}

// drillTitle begins the title of a drill; "" of what is real.
func drillTitle(i *detect.Incident) string {
	if !i.Drill {
		return ""
	}
	return tagDrill + ": "
}

// drillFinding says before the finding that there is none.
func drillFinding(event Event, i *detect.Incident, found string) string {
	switch {
	case !i.Drill:
		return found
	case event == Resolved:
		return "The drill is over; nothing was broken. What was played: " + oneLine(i.Summary)
	}
	return "This is a drill: nothing is broken. What is played: " + found
}

// drillLine is the first line of a drill; empty of what is real.
func drillLine(i *detect.Incident) Line {
	if !i.Drill {
		return Line{}
	}
	return Line{Label: tagDrill, Text: "An exercise that somebody started on the Picket server. No cloud, internet provider or site is in trouble because of it; what follows is what an outage would read like."}
}

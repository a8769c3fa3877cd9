package alert

import (
	"strings"

	"picket/collector/detect"
)

// news is what a reader who was told before does not know yet: the first in
// short, for a subject, and all in sentences.
func (a account) news() (short string, all []string) {
	add := func(head, sentence string) {
		if short == "" {
			short = head
		}
		all = append(all, sentence)
	}
	if a.why == ReasonEscalated {
		add("Nobody has taken it on", "Those who were told before have not taken it on.")
	}
	if a.event != Updated {
		return short, all
	}
	i, told := a.i, a.told
	if i.Confidence.Rank() > told.Confidence.Rank() && told.Confidence != "" {
		add("Now "+lower(i.Confidence.Word()), "It is "+lower(i.Confidence.Word())+" now; it was "+lower(told.Confidence.Word())+".")
	}
	if told.Severity != "" && i.Severity != told.Severity {
		add("Now "+extentWord(i.Severity), "It is "+extentWord(i.Severity)+" now; it was "+extentWord(told.Severity)+".")
	}
	if told.Layer != "" && i.Layer != "" && i.Layer != told.Layer {
		add("Now", "It fails at layer "+strings.ToUpper(i.Layer)+" now; it was "+strings.ToUpper(told.Layer)+".")
	}
	if told.What != "" && told.What != clip(oneLine(i.Title), maxTitle) {
		add("Now", "You were told of it as: "+told.What+".")
	}
	if i.LineDown && !told.LineDown {
		add("Now known", "There is evidence now that the line is down.")
	}
	if o := a.beside.Official; o.Known && !o.Posted.IsZero() && told.Posted.IsZero() && a.publisher() != "" {
		add("Acknowledged by "+a.publisher(), a.publisher()+" has acknowledged it"+a.ahead())
	}
	if b := a.beside; !b.Acknowledged.IsZero() && told.By == "" && b.By != "" {
		add("Taken on", oneLine(b.By)+" has taken it on.")
	}
	if len(all) == 0 {
		add("Still going on", "Nothing that would change what you do: it goes on.")
	}
	return short, all
}

// extentWord is a severity in a sentence: "it is an outage now".
func extentWord(s detect.Severity) string {
	switch s {
	case detect.SeverityPartial:
		return "a partial outage"
	case detect.SeverityDegraded:
		return "slower than usual"
	case detect.SeverityUnseen:
		return "out of sight"
	}
	return "an outage"
}

// upper begins a sentence.
func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]&^0x20) + s[1:]
	}
	return s
}

// lower is a word of ours in the middle of a sentence.
func lower(word string) string {
	if word == "" {
		return "possible"
	}
	return string(word[0]|0x20) + word[1:]
}

package notice

// catalogue is all that notices say in one language.
type catalogue struct {
	texts  map[string]string // templates of [words] by key
	months [12]string
}

func english() catalogue {
	return catalogue{
		months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		texts: map[string]string{
			"drill":    "DRILL - DO NOT SEND.",
			"resolved": "Resolved: ",
			"through":  "services that rely on %s",
			"date":     " on %d %s",
			"moment":   "less than a minute",
			"minute":   "1 minute",
			"minutes":  "%d minutes",

			"subject.provider":         "{{.Them}} problem",
			"subject.provider.partial": "{{.Them}}: some requests fail",
			"subject.provider.slow":    "{{.Them}} is slower than usual",
			"subject.well":             " - nothing wrong at your office",
			"subject.alone":            "Trouble reaching {{.What}}",
			"subject.site":             "Internet trouble at your office {{.Office}}",
			"subject.line":             "Your office {{.Office}} is offline",
			"subject.network":          "Problem at your internet provider {{.ISP}}",
			"subject.path":             "Trouble between your internet provider {{.ISP}} and {{.Them}}",
			"subject.region":           "Internet trouble around {{.Region}}",

			"open.provider":         "Since {{.Since}} some of your staff may be unable to use {{.What}}. {{if .Likely}}It looks like a problem at {{.Them}}; we are making sure.{{else}}The problem is at {{.Them}}.{{end}}",
			"open.provider.partial": "Since {{.Since}} some attempts to use {{.What}} fail; trying again often helps. {{if .Likely}}It looks like a problem at {{.Them}}; we are making sure.{{else}}The problem is at {{.Them}}.{{end}}",
			"open.provider.slow":    "Since {{.Since}} {{.What}} is slower than usual. {{if .Likely}}It looks like a problem at {{.Them}}; we are making sure.{{else}}The problem is at {{.Them}}.{{end}}",
			"open.office":           "Your internet connection works. You do not need to do anything.",
			"open.alone":            "Since {{.Since}} your office cannot reach {{.What}}. We are finding out whether it is {{.Them}} or the way to it.",
			"open.site":             "Since {{.Since}} your office {{.Office}} has trouble reaching the internet. The services that you use work from elsewhere, so it is the office's own connection: its line, its firewall or its DNS. We are looking into it.",
			"open.line":             "Since {{.Since}} your office {{.Office}} is offline: its internet line{{with .ISP}} ({{.}}){{end}} or its power is down. We are looking into it.",
			"open.network":          "Since {{.Since}} offices on your internet provider {{.ISP}} {{if .Likely}}seem to be cut off{{else}}are cut off{{end}}. It is not your equipment.",
			"open.path":             "Since {{.Since}} your office cannot reach {{.What}} through your internet provider {{.ISP}}. The trouble lies between {{.ISP}} and {{.Them}}; which of the two it is cannot be told yet.",
			"open.region":           "Since {{.Since}} offices around {{.Region}} have trouble reaching the internet. It is neither your equipment nor one single service.",

			"easing.provider":         "{{.What}} works again since {{.Until}}; before, it could not be used since {{.Since}}. We go on watching before we call it over.",
			"easing.provider.partial": "{{.What}} works again since {{.Until}}; before, some attempts to use it failed since {{.Since}}. We go on watching before we call it over.",
			"easing.provider.slow":    "{{.What}} is as fast as usual again since {{.Until}}; it was slow since {{.Since}}. We go on watching before we call it over.",
			"easing.alone":            "Your office reaches {{.What}} again since {{.Until}}; it could not since {{.Since}}. We go on watching before we call it over.",
			"easing.site":             "Your office {{.Office}} reaches the internet again since {{.Until}}; it had trouble since {{.Since}}. We go on watching before we call it over.",
			"easing.line":             "Your office {{.Office}} is online again since {{.Until}}; it was offline since {{.Since}}. We go on watching before we call it over.",
			"easing.network":          "Offices on your internet provider {{.ISP}} are online again since {{.Until}}; they were cut off since {{.Since}}. We go on watching before we call it over.",
			"easing.path":             "Your office reaches {{.What}} again since {{.Until}}; it could not since {{.Since}}. We go on watching before we call it over.",
			"easing.region":           "Offices around {{.Region}} reach the internet again since {{.Until}}; they had trouble since {{.Since}}. We go on watching before we call it over.",

			"over.provider":         "From {{.Since}} to {{.Until}} ({{.Took}}) some of your staff may have been unable to use {{.What}}. {{if .Likely}}It looked like a problem at {{.Them}}.{{else}}The problem was at {{.Them}}.{{end}} It works again.",
			"over.provider.partial": "From {{.Since}} to {{.Until}} ({{.Took}}) some attempts to use {{.What}} failed. {{if .Likely}}It looked like a problem at {{.Them}}.{{else}}The problem was at {{.Them}}.{{end}} It works again.",
			"over.provider.slow":    "From {{.Since}} to {{.Until}} ({{.Took}}) {{.What}} was slower than usual. {{if .Likely}}It looked like a problem at {{.Them}}.{{else}}The problem was at {{.Them}}.{{end}} It is as fast as usual again.",
			"over.office":           "It was not your internet connection. You do not need to do anything.",
			"over.alone":            "From {{.Since}} to {{.Until}} ({{.Took}}) your office could not reach {{.What}}. It works again. Whether it was {{.Them}} or the way to it could not be told.",
			"over.site":             "From {{.Since}} to {{.Until}} ({{.Took}}) your office {{.Office}} had trouble reaching the internet over its own connection. It works again.",
			"over.line":             "From {{.Since}} to {{.Until}} ({{.Took}}) your office {{.Office}} was offline: its internet line{{with .ISP}} ({{.}}){{end}} or its power was down. It is online again.",
			"over.network":          "From {{.Since}} to {{.Until}} ({{.Took}}) offices on your internet provider {{.ISP}} were cut off. They are online again. It was not your equipment.",
			"over.path":             "From {{.Since}} to {{.Until}} ({{.Took}}) your office could not reach {{.What}} through your internet provider {{.ISP}}. It works again.",
			"over.region":           "From {{.Since}} to {{.Until}} ({{.Took}}) offices around {{.Region}} had trouble reaching the internet. It works again.",

			"official": "{{.Them}} confirmed the problem at {{.Acknowledged}}.",
			"next":     "We noticed it automatically and are following it. You will hear from us again by {{.Next}}, even if nothing has changed.",
			"change":   "We noticed it automatically and are following it. You will hear from us again when it changes or is over.",
			"end":      "Nothing is left to do. Ask us if something still does not work.",
			"zone":     "Times are {{.Zone}}.",
		},
	}
}

package official

import (
	"slices"
	"strings"
	"unicode"
)

// azureNames are Azure's regions by the names its feed uses. Their ids are the
// same letters without spaces.
func azureNames() []string {
	return []string{
		"Australia Central", "Australia Central 2", "Australia East", "Australia Southeast", "Austria East", "Belgium Central", "Brazil South",
		"Brazil Southeast", "Canada Central", "Canada East", "Central India", "Central US", "Chile Central", "Denmark East", "East Asia", "East US",
		"East US 2", "France Central", "France South", "Germany North", "Germany West Central", "Indonesia Central", "Israel Central", "Italy North",
		"Japan East", "Japan West", "Jio India Central", "Jio India West", "Korea Central", "Korea South", "Malaysia West", "Mexico Central",
		"New Zealand North", "North Central US", "North Europe", "Norway East", "Norway West", "Poland Central", "Qatar Central",
		"South Africa North", "South Africa West", "South Central US", "Southeast Asia", "South India", "Spain Central", "Sweden Central",
		"Switzerland North", "Switzerland West", "UAE Central", "UAE North", "UK South", "UK West", "West Central US", "West Europe", "West India",
		"West US", "West US 2", "West US 3",
	}
}

// isAzureRegion says whether w is a region of Azure, or all of them.
func isAzureRegion(w string) bool {
	w = letters(w)
	return anywhere(w) || slices.ContainsFunc(azureNames(), func(name string) bool { return letters(name) == w })
}

// azureRegionsIn finds regions in running words, the longest names first: "North
// Central US" is not "Central US".
func azureRegionsIn(s string) []string {
	names := azureNames()
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	low := " " + strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return ' '
	}, s) + " "
	var out []string
	for _, name := range names {
		if word := " " + strings.ToLower(name) + " "; strings.Contains(low, word) {
			out = append(out, name)
			low = strings.ReplaceAll(low, word, " | ")
		}
	}
	slices.Sort(out)
	return out
}

// letters is s in lower case without anything but letters and digits, so that
// "West Europe", "west-europe" and "westeurope" are one.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// anywhere says whether a region, by its letters, means all or no particular one.
func anywhere(region string) bool {
	switch region {
	case "", "global", "globalservices", "multipleregions", "allregions", "nonregional":
		return true
	}
	return false
}

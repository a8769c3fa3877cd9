package official

import "strings"

// Feed is one address at which a provider tells how it is.
type Feed struct {
	ID       string // unique: "azure-rss"
	Provider string // as in the catalogue
	URL      string
	Hosts    []string // others that may answer after a redirect; any other is not believed
	Page     string   // where people read it
	Read     Reader

	// Covers are our services it speaks of; nil: all of the provider's.
	Covers []string
	// Names are the feed's words for our services, where letters alone do not match.
	Names map[string][]string
	// Wide are its words for every service.
	Wide []string
	// Lists: whatever is wrong stands in it with its place, so that what is not in
	// it is not admitted.
	Lists bool
	// Parts: its notices name what they concern; else all is one thing.
	Parts bool
	// Instances: its regions are machines, and trouble of one is not the service's.
	Instances bool
}

// Feeds returns the feeds that are known. Addresses, formats and the names of
// components were taken from public readers of these pages in 2026; a name that
// has changed since leads to "unknown", never to green.
func Feeds() []Feed {
	return append(append(append(awsFeeds(), microsoftFeeds()...), googleFeeds()...), pageFeeds()...)
}

func awsFeeds() []Feed {
	names := map[string][]string{
		"dynamodb": {"dynamodb"}, "ec2": {"ec2"}, "s3": {"s3"}, "route53": {"route53", "route53privatedns"}, "cloudfront": {"cloudfront"},
		"sign-in": {"signin", "iam", "management-console", "awssignin"},
	}
	wide := []string{"multipleservices", "internetconnectivity"}
	return []Feed{
		{ID: "aws-events", Provider: "aws", URL: "https://health.aws.amazon.com/public/currentevents", Page: awsPage, Read: AWSEvents,
			Names: names, Wide: wide, Lists: true, Parts: true},
		{ID: "aws-rss", Provider: "aws", URL: "https://status.aws.amazon.com/rss/all.rss", Page: awsPage, Read: AWSHistory,
			Names: names, Wide: wide, Lists: true, Parts: true},
	}
}

func microsoftFeeds() []Feed {
	const posts = "https://status.cloud.microsoft/api/posts/"
	return []Feed{
		// Not status.azure.com: it sends a reader to an instance near it, which may
		// be the one that is down and then says nothing.
		{ID: "azure-rss", Provider: "azure", URL: "https://rssfeed.azure.status.microsoft/en-us/status/feed/",
			Hosts: []string{"azure.status.microsoft"}, Page: azurePage, Read: AzureRSS, Lists: true, Parts: true,
			Wide: []string{"Network Infrastructure", "Multiple Services", "All services"},
			Names: map[string][]string{
				"resource-manager": {"Azure Resource Manager"}, "portal": {"Azure Portal", "Microsoft Azure Portal"},
				"front-door": {"Azure Front Door", "Front Door"}, "traffic-manager": {"Traffic Manager"},
				"container-registry": {"Container Registry"}, "devops": {"Azure DevOps"},
				"ai-services": {"Cognitive Services", "Azure AI services", "Foundry Tools"},
			}},
		{ID: "azure-posts", Provider: "azure", URL: posts + "azure", Page: azurePage, Read: MicrosoftPosts, Parts: true},
		// The public pages speak of the admin centre and of consumers' mail. Of
		// Exchange or Teams only a tenant's own account is told.
		{ID: "m365-mac", Provider: "m365", URL: posts + "mac", Page: m365Page, Read: MicrosoftPosts, Covers: []string{"admin-center"}},
		{ID: "m365-consumer", Provider: "m365", URL: posts + "m365Consumer", Page: m365Page, Read: MicrosoftPosts, Parts: true, Lists: true,
			Covers: []string{"outlook-com", "onedrive-consumer"},
			Names:  map[string][]string{"outlook-com": {"Outlook.com"}, "onedrive-consumer": {"OneDrive"}}},
	}
}

func googleFeeds() []Feed {
	return []Feed{
		{ID: "gcp-incidents", Provider: "gcp", URL: "https://status.cloud.google.com/incidents.json", Page: gcpPage, Read: GoogleCloud,
			Lists: true, Parts: true, Wide: []string{"Multiple Products", "Google Cloud Networking"},
			Names: map[string][]string{
				"artifact-registry": {"Artifact Registry"}, "cloud-run": {"Cloud Run", "Google Cloud Run"},
				"cloud-storage": {"Google Cloud Storage"}, "compute-engine": {"Google Compute Engine"},
			}},
		{ID: "google-workspace", Provider: "google-workspace", URL: "https://www.google.com/appsstatus/dashboard/incidents.json",
			Page: workspacePage, Read: GoogleWorkspace, Lists: true, Parts: true, Wide: []string{"Multiple Products"},
			Names: map[string][]string{"gmail": {"Gmail"}, "drive": {"Google Drive"}}},
	}
}

// statuspage makes the feeds of a Statuspage; whole has its components read too,
// where their names are known.
func statuspage(provider, base string, names map[string][]string) []Feed {
	f := Feed{ID: provider, Provider: provider, URL: base + "/api/v2/summary.json", Page: base, Read: Statuspage, Names: names, Parts: true}
	if names == nil {
		return []Feed{f}
	}
	parts := f
	parts.ID, parts.URL, parts.Read = provider+"-components", base+"/api/v2/components.json", StatuspageComponents
	return []Feed{f, parts}
}

// pageFeeds are those of companies with a status page as a product.
func pageFeeds() []Feed {
	var all []Feed
	for _, p := range []struct {
		provider, base string
		names          map[string][]string
	}{
		{"github", "https://www.githubstatus.com", map[string][]string{"git": {"Git Operations"}, "api": {"API Requests"}}},
		{"cloudflare", "https://www.cloudflarestatus.com", map[string][]string{
			"cdn": {"CDN/Cache", "Network"}, "api": {"API"}, "dns-resolver": {"1.1.1.1", "Recursive DNS"}}},
		{"akamai", "https://www.akamaistatus.com", nil},
		{"fastly", "https://www.fastlystatus.com", nil},
		{"zoom", "https://status.zoom.us", map[string][]string{"web": {"Zoom Website"}}},
		{"stripe", "https://www.stripestatus.com", map[string][]string{"api": {"API"}}},
		// Beyond the catalogue, for targets of one's own.
		{"digitalocean", "https://status.digitalocean.com", nil}, {"datadog", "https://status.datadoghq.com", nil},
		{"twilio", "https://status.twilio.com", nil}, {"dropbox", "https://status.dropbox.com", nil}, {"docusign", "https://status.docusign.com", nil},
		{"newrelic", "https://status.newrelic.com", nil}, {"tailscale", "https://status.tailscale.com", nil},
		{"onepassword", "https://status.1password.com", nil}, {"vercel", "https://www.vercel-status.com", nil},
		{"netlify", "https://www.netlifystatus.com", nil}, {"openai", "https://status.openai.com", nil}, {"anthropic", "https://status.claude.com", nil},
		{"shopify", "https://www.shopifystatus.com", nil}, {"square", "https://issquareup.com", nil}, {"sendgrid", "https://sendgrid.statuspage.io", nil},
		{"linode", "https://status.linode.com", nil}, {"duo", "https://status.duo.com", nil}, {"huntress", "https://huntressstatus.statuspage.io", nil},
	} {
		all = append(all, statuspage(p.provider, p.base, p.names)...)
	}
	bitbucket := statuspage("bitbucket", "https://bitbucket.status.atlassian.com", map[string][]string{"bitbucket": {"Website"}})
	for _, f := range append(statuspage("atlassian", "https://status.atlassian.com", nil), bitbucket...) {
		f.Provider = "atlassian"
		if strings.HasPrefix(f.ID, "bitbucket") {
			f.Covers = []string{"bitbucket"}
		}
		all = append(all, f)
	}
	return append(all,
		Feed{ID: "slack", Provider: "slack", URL: "https://slack-status.com/api/v2.0.0/current", Hosts: []string{"status.slack.com"},
			Page: "https://slack-status.com", Read: Slack, Lists: true, Parts: true,
			Names: map[string][]string{"api": {"Apps/Integrations/APIs"}, "web": {"Connectivity", "Messaging"}, "sign-in": {"Login/SSO"}}},
		Feed{ID: "salesforce", Provider: "salesforce", URL: "https://api.status.salesforce.com/v1/incidents/active",
			Page: "https://status.salesforce.com", Read: Salesforce, Lists: true, Parts: true, Instances: true, Wide: []string{"coreService"},
			Names: map[string][]string{"sign-in": {"coreService"}}},
		Feed{ID: "oci", Provider: "oci", URL: "https://ocistatus.oraclecloud.com/api/v2/components_v2.json",
			Page: "https://ocistatus.oraclecloud.com", Read: Oracle, Lists: true, Parts: true},
		Feed{ID: "gitlab", Provider: "gitlab", URL: "https://api.status.io/1.0/status/5b36dc6502d06804c08349f7",
			Page: "https://status.gitlab.com", Read: StatusIO, Parts: true},
	)
}

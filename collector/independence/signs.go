package independence

import (
	"slices"
	"strings"
)

// The ids of the embedded catalogue (collector/config/catalogue.yaml).
const (
	AWS        = "aws"
	Azure      = "azure"
	M365       = "m365"
	GCP        = "gcp"
	Workspace  = "google-workspace"
	Cloudflare = "cloudflare"
	Fastly     = "fastly"
	Akamai     = "akamai"
	GitHub     = "github"
	Atlassian  = "atlassian"
	Slack      = "slack"
	Zoom       = "zoom"
	Salesforce = "salesforce"
)

// sign is a suffix of names, what is behind it, and whom that needs. No provider:
// it hides what is behind it, and that is all one can say.
type sign struct {
	suffix  string // matches itself and every name under it
	product string // for people
	needs   []string
}

// hosts are names of services and of hosting. Where each was learnt:
//
//   - Teams: a workflow is called at prod-NN.REGION.logic.azure.com or at
//     *.environment.api.powerplatform.com, an old connector at
//     TENANT.webhook.office.com or outlook.office.com/webhook (Microsoft, "Create
//     incoming webhooks with Workflows", and the notices of the connectors' end).
//     Workflows run on Azure Logic Apps, so both must work.
//   - Slack, Opsgenie, Atlassian: their vendors name AWS as their host (the case
//     studies of AWS, "Slack's migration to a cellular architecture", Atlassian's
//     "Cloud architecture and operational practices").
//   - PagerDuty: its own pages on regions (US and EU) and its move to AWS us-west-2.
//   - Discord: its engineering blog (Google Cloud, behind Cloudflare). Telegram has
//     its own data centres and is not here.
//   - Power Automate, Google Chat, Webex, GitHub, ServiceNow and the like: the host
//     names in each vendor's reference of webhooks.
//   - Hosting: the suffixes that the providers give to customers' resources
//     (Microsoft, "Azure DNS zones" of each service; AWS, "Service endpoints";
//     Google, "Configuring custom domains"; Cloudflare, "Partial (CNAME) setup";
//     Fastly, "CNAME records"; Akamai, "Edge hostnames").
//   - Relays of mail: the submission hosts that Microsoft, Google and Amazon document.
//
// A provider that a service needs is here only if the service stands still
// without it; who merely serves its pictures is not.
func hosts() []sign {
	return []sign{
		{"logic.azure.com", "Microsoft Teams (Workflows)", []string{M365, Azure}},
		{"powerplatform.com", "Microsoft Teams (Workflows)", []string{M365, Azure}},
		{"webhook.office.com", "Microsoft Teams (connector)", []string{M365}},
		{"outlook.office.com", "Microsoft Teams (connector)", []string{M365}},
		{"outlook.office365.com", "Exchange Online", []string{M365}},
		{"graph.microsoft.com", "Microsoft Graph", []string{M365}},
		{"smtp.office365.com", "Exchange Online", []string{M365}},
		{"smtp-mail.outlook.com", "Outlook.com", []string{M365}},
		{"mail.protection.outlook.com", "Exchange Online", []string{M365}},
		{"autodiscover.outlook.com", "Exchange Online", []string{M365}},
		{"mx.microsoft", "Exchange Online", []string{M365}},
		{"sharepoint.com", "SharePoint Online", []string{M365}},
		{"azurecomm.net", "Azure Communication Services", []string{Azure}},
		{"azure-api.net", "Azure API Management", []string{Azure}},
		{"azurewebsites.net", "Azure App Service", []string{Azure}},
		{"azurestaticapps.net", "Azure Static Web Apps", []string{Azure}},
		{"azurecontainerapps.io", "Azure Container Apps", []string{Azure}},
		{"azureedge.net", "Azure CDN", []string{Azure}},
		{"azurefd.net", "Azure Front Door", []string{Azure}},
		{"t-msedge.net", "Azure Front Door", []string{Azure}},
		{"trafficmanager.net", "Azure Traffic Manager", []string{Azure}},
		{"cloudapp.azure.com", "a server at Azure", []string{Azure}},
		{"cloudapp.net", "a server at Azure", []string{Azure}},
		{"core.windows.net", "Azure Storage", []string{Azure}},
		{"windows.net", "Azure", []string{Azure}},
		{"servicebus.windows.net", "Azure Service Bus", []string{Azure}},

		{"hooks.slack.com", "Slack", []string{Slack, AWS}},
		{"slack.com", "Slack", []string{Slack, AWS}},
		{"pagerduty.com", "PagerDuty", []string{AWS}},
		{"opsgenie.com", "Opsgenie", []string{Atlassian, AWS}},
		{"atlassian.com", "Atlassian", []string{Atlassian, AWS}},
		{"atlassian.net", "Jira", []string{Atlassian, AWS}},
		{"amazonaws.com", "Amazon Web Services", []string{AWS}},
		{"amazonaws.com.cn", "Amazon Web Services", []string{AWS}},
		{"cloudfront.net", "Amazon CloudFront", []string{AWS}},
		{"awsglobalaccelerator.com", "AWS Global Accelerator", []string{AWS}},
		{"elasticbeanstalk.com", "AWS Elastic Beanstalk", []string{AWS}},
		{"awsapprunner.com", "AWS App Runner", []string{AWS}},
		{"amplifyapp.com", "AWS Amplify", []string{AWS}},
		{"on.aws", "AWS Lambda", []string{AWS}},
		{"awsapps.com", "Amazon WorkMail", []string{AWS}},

		{"chat.googleapis.com", "Google Chat", []string{Workspace, GCP}},
		{"smtp.gmail.com", "Gmail", []string{Workspace}},
		{"smtp-relay.gmail.com", "Gmail", []string{Workspace}},
		{"gmail-smtp-in.l.google.com", "Gmail", []string{Workspace}},
		{"smtp.google.com", "Gmail", []string{Workspace}},
		{"aspmx.l.google.com", "Gmail", []string{Workspace}},
		{"googlemail.com", "Gmail", []string{Workspace}},
		{"ghs.googlehosted.com", "Google hosting", []string{GCP}},
		{"googlehosted.com", "Google hosting", []string{GCP}},
		{"appspot.com", "Google App Engine", []string{GCP}},
		{"run.app", "Google Cloud Run", []string{GCP}},
		{"cloudfunctions.net", "Google Cloud Functions", []string{GCP}},
		{"googleapis.com", "Google Cloud", []string{GCP}},
		{"googleusercontent.com", "a server at Google Cloud", []string{GCP}},
		{"web.app", "Firebase Hosting", []string{GCP}},
		{"firebaseapp.com", "Firebase Hosting", []string{GCP}},
		{"discord.com", "Discord", []string{GCP, Cloudflare}},
		{"discordapp.com", "Discord", []string{GCP, Cloudflare}},

		{"cdn.cloudflare.net", "Cloudflare", []string{Cloudflare}},
		{"cloudflare.com", "Cloudflare", []string{Cloudflare}},
		{"workers.dev", "Cloudflare Workers", []string{Cloudflare}},
		{"pages.dev", "Cloudflare Pages", []string{Cloudflare}},
		{"cfargotunnel.com", "a Cloudflare Tunnel", []string{Cloudflare}},
		{"mx.cloudflare.net", "Cloudflare Email Routing", []string{Cloudflare}},
		{"fastly.net", "Fastly", []string{Fastly}},
		{"fastlylb.net", "Fastly", []string{Fastly}},
		{"edgekey.net", "Akamai", []string{Akamai}},
		{"edgesuite.net", "Akamai", []string{Akamai}},
		{"akamaiedge.net", "Akamai", []string{Akamai}},
		{"akamai.net", "Akamai", []string{Akamai}},
		{"akamaized.net", "Akamai", []string{Akamai}},
		{"github.io", "GitHub Pages", []string{GitHub}},
		{"api.github.com", "GitHub", []string{GitHub}},
		{"hooks.zoom.us", "Zoom", []string{Zoom}},
		{"zoom.us", "Zoom", []string{Zoom}},
		{"salesforce.com", "Salesforce", []string{Salesforce}},
		{"force.com", "Salesforce", []string{Salesforce}},
		{"herokuapp.com", "Heroku", []string{AWS}},
		{"herokudns.com", "Heroku", []string{AWS}},
	}
}

// exchangers are the names that MX records point to, beside those of hosts.
// Filters stand before mailboxes that they do not tell of: a domain whose mail
// goes through one is asked where its Outlook looks for the mailbox.
//
//   - Microsoft: "mail.protection.outlook.com" and, with DNSSEC, "mx.microsoft"
//     ("How SMTP DNS-based Authentication of Named Entities works").
//   - Google: "Set up MX records for Google Workspace" (smtp.google.com since 2023,
//     aspmx.l.google.com and alt1-4 before).
//   - The filters: each vendor's page on MX records.
func exchangers() []sign {
	return []sign{
		{"olc.protection.outlook.com", "Outlook.com", []string{M365}},
		{"l.google.com", "Gmail", []string{Workspace}},
		{"aspmx2.googlemail.com", "Gmail", []string{Workspace}},
		{"inbound-smtp.us-east-1.amazonaws.com", "Amazon SES", []string{AWS}},
		{"pphosted.com", "Proofpoint", nil},
		{"ppe-hosted.com", "Proofpoint", nil},
		{"mimecast.com", "Mimecast", nil},
		{"mimecast-offshore.com", "Mimecast", nil},
		{"barracudanetworks.com", "Barracuda", nil},
		{"messagelabs.com", "Symantec Email Security", nil},
		{"iphmx.com", "Cisco Secure Email", nil},
		{"hornetsecurity.com", "Hornetsecurity", nil},
		{"antispameurope.com", "Hornetsecurity", nil},
		{"trendmicro.eu", "Trend Micro Email Security", nil},
		{"trendmicro.com", "Trend Micro Email Security", nil},
		{"sophos.com", "Sophos Email", nil},
		{"spamtitan.com", "SpamTitan", nil},
		{"mailspamprotection.com", "a mail filter", nil},
	}
}

// spellings are ids under which people write down a provider of the catalogue.
func spellings() map[string]string {
	return map[string]string{
		"microsoft365": M365, "office365": M365, "o365": M365, "ms365": M365, "microsoftoffice365": M365,
		"microsoftazure": Azure, "amazon": AWS, "amazonwebservices": AWS, "googlecloud": GCP, "googlecloudplatform": GCP,
		"googleworkspace": Workspace, "gsuite": Workspace, "gworkspace": Workspace,
	}
}

// find returns the row of the longest suffix that name has.
func find(rows []sign, name string) (best sign, ok bool) {
	for _, s := range rows {
		if under(name, s.suffix) && len(s.suffix) > len(best.suffix) {
			best, ok = s, true
		}
	}
	return best, ok
}

// under says whether name is suffix or a name below it.
func under(name, suffix string) bool {
	return name == suffix || strings.HasSuffix(name, "."+suffix)
}

// plain is a DNS name as it is compared.
func plain(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}

// letters is s without what people spell differently.
func letters(s string) string {
	keep := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}
	return strings.Map(keep, strings.ToLower(s))
}

// Table knows which names belong to whom. Make it with [NewTable].
type Table struct {
	hosts, exchangers []sign
	own               map[string][]string // host that is watched -> providers it is watched under
	ids               map[string][]string // id of the catalogue -> ids of the file that mean the same
}

// Watched is what the fleet file says of one provider that is watched.
type Watched struct {
	ID, Name string
	Hosts    []string // of its targets
}

// NewTable makes the table for a fleet file.
func NewTable(watched []Watched) Table {
	t := Table{hosts: hosts(), own: map[string][]string{}, ids: map[string][]string{}}
	t.exchangers = append(exchangers(), t.hosts...)
	known := spellings()
	for _, id := range []string{AWS, Azure, M365, GCP, Workspace, Cloudflare, Fastly, Akamai, GitHub, Atlassian, Slack, Zoom, Salesforce} {
		known[letters(id)] = id
	}
	for _, w := range watched {
		for _, spelt := range []string{w.ID, w.Name} {
			if id, ok := known[letters(spelt)]; ok && !slices.Contains(t.ids[id], w.ID) {
				t.ids[id] = append(t.ids[id], w.ID)
			}
		}
		for _, h := range w.Hosts {
			if h = plain(h); h != "" && !slices.Contains(t.own[h], w.ID) {
				t.own[h] = append(t.own[h], w.ID)
			}
		}
	}
	return t
}

// stands says whom name belongs to.
func (t Table) stands(rows []sign, name string) (list []Stand, product string, known bool) {
	name = plain(name)
	s, known := find(rows, name)
	for _, id := range s.needs {
		for _, as := range t.as(id) {
			list = append(list, Stand{Provider: as, Product: s.product, Name: name})
		}
	}
	for _, id := range t.own[name] {
		if !slices.ContainsFunc(list, func(o Stand) bool { return o.Provider == id }) {
			list = append(list, Stand{Provider: id, Product: name, Name: name})
		}
		known = true
	}
	return list, s.product, known
}

// as is an id of the catalogue as the file writes it; itself if it does not.
func (t Table) as(id string) []string {
	if ids := t.ids[id]; len(ids) > 0 {
		return ids
	}
	return []string{id}
}

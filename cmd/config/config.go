package config

import (
	"net/netip"
	"time"

	"meridian/geo"
	"meridian/zones"
)

// Config is a configuration that loads: every value is of its final type, in range, with defaults filled in, and refers
// only to what exists. Relative paths have been joined to the folder of the configuration file.
type Config struct {
	Path    string // of the configuration file, as given to Load
	Hash    string // of everything that was read (configuration, variables, zone files), 16 hex digits
	Node    string // this server's name; empty: not given
	DNS     DNS
	Admin   Admin
	DataDir string
	Geo     Geo
	Board   Board
	Checker Checker
	States  States
	// ReloadThreshold is the share of the traffic that a reload may move without being forced, 0..1.
	ReloadThreshold float64
	Reserve         Reserve
	Regions         []geo.Region // in the order of the file
	Checks          []*zones.Check
	Zones           []*zones.Zone
	Services        []*zones.Service // their order is that of Index
	Index           *zones.Index     // of Zones and Services
}

// Reserve is what operators' overrides must leave of each service, unless they are forced.
type Reserve struct {
	Regions  int     // that take traffic; 1 or more
	Capacity float64 // share of the capacity that takes traffic, 0..1
}

// DNS says where questions are answered, and which of those about the server itself.
type DNS struct {
	Listen  []netip.AddrPort // one or more; UDP and TCP on each; port 0: any free one
	Workers int              // packet loops; 0: one for each core
	Chaos   Chaos
	Ledger  bool // keep a sampled record of who asks for what, in DataDir
}

// Chaos says which questions of class CHAOS are answered. The zero value refuses them all.
type Chaos struct {
	ID      bool   // id.server and hostname.bind, with Config.Node, which isn't empty then
	Version string // version.server and version.bind, with this text; empty: refused
}

// Admin is the HTTP listener. Without a TokenFile it listens on loopback only.
type Admin struct {
	Listen    netip.AddrPort
	TokenFile string // readable and not empty at the time of loading; empty: no token is asked for
}

// Geo is what is known of client networks: the files, and what was read from them while checking.
type Geo struct {
	Database    string // path; empty: the built-in demo data
	ASNDatabase string // path; empty: none
	Networks    string // path; empty: none
	// Sources is ready for geo.NewAtlas: opened databases, overrides, and the networks that policies name.
	Sources geo.Sources
}

// Board says where votes and overrides are shared.
type Board struct {
	Redis      *Redis        // nil: in memory, kept in DataDir
	LocalAfter time.Duration // for how long it may be away before this process's own checker decides alone
}

// Redis is how Redis is reached.
type Redis struct {
	Addresses    []string // host:port; several: Cluster, or Sentinel with MasterName
	MasterName   string
	Username     string
	Password     string // never shown
	PasswordFile string
	TLS          *TLS   // nil: plain text
	Prefix       string // keys begin with {Prefix}:
}

// TLS names files in PEM; empty ones aren't used.
type TLS struct{ CAFile, CertFile, KeyFile string }

// Checker says whether, and as whom, this process probes.
type Checker struct {
	Enabled    bool
	Vantage    string      // who votes; DefaultVantage where nobody gave it a name
	Vantages   int         // how many checkers probe each target; 0: all
	References []Reference // what always answers; none: the targets themselves tell when the network is lost
}

// Reference is a target by which a checker judges itself.
type Reference struct {
	Check *zones.Check
	Addr  netip.Addr
}

package config

import (
	"strconv"
	"strings"

	"meridian/policy"
)

// The raw structs mirror the file: what may be written, under which key, of which type. They are the source of
// schema.json (go test ./cmd/config -run TestSchema -update writes it) and of docs/reference.yaml's completeness test.
// What is wrong in a way that a schema can't tell is found while building typed values from them.
//
// The descriptions are for operators: editors show them beside the key.

type rawConfig struct {
	Node      text             `json:"node" jsonschema_description:"This server's name: in NSID, id.server, logs and metrics. Omitted: none of them says who answered."`
	DNS       rawDNS           `json:"dns" jsonschema_description:"Where questions are answered."`
	Admin     rawAdmin         `json:"admin" jsonschema_description:"The HTTP listener for status, metrics and control."`
	DataDir   text             `json:"data_dir" jsonschema_description:"Folder for what must survive a restart: last known states, overrides, events. Default: data, beside the configuration file."`
	Geo       rawGeoData       `json:"geo" jsonschema_description:"What is known of client networks."`
	Board     rawBoard         `json:"board" jsonschema_description:"Where votes and overrides are shared. Omitted: in memory, kept in data_dir."`
	Checker   *rawChecker      `json:"checker" jsonschema_description:"Probing from this process. Omitted: it only reads the board."`
	Quorum    rawQuorum        `json:"quorum" jsonschema_description:"How votes become a state, over the checkers with fresh votes: both ways, or down and up apart. Default: majority."`
	MinVoters integer          `json:"min_voters" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"With fewer fresh votes the state of an endpoint holds. Default: 1."`
	Flap      rawFlap          `json:"flap" jsonschema_description:"How endpoints that go up and down all the time are kept down."`
	Failback  rawFailback      `json:"failback" jsonschema_description:"How an endpoint comes back: auto (at once; the default), manual (when an operator says so), delayed or ramp."`
	Safety    *rawBrakes       `json:"safety" jsonschema_description:"How much of a service may go down in a short time (omitted: all of it), and how much traffic a reload may move."`
	Freeze    boolean          `json:"freeze" jsonschema_description:"Automation is off: what is observed is shown, and the traffic stays as it is. Default: false."`
	Regions   dict[rawRegion]  `json:"regions" jsonschema_description:"The data centres, by name. Their order is the default order for clients at an unknown place."`
	Checks    dict[rawCheck]   `json:"checks" jsonschema_description:"Health checks, by name."`
	Zones     dict[rawZone]    `json:"zones" jsonschema_description:"The zones that this server is authoritative for, by apex."`
	ZonesDir  text             `json:"zones_dir" jsonschema_description:"Folder whose files NAME.zone are zone files of the zones NAME."`
	Services  dict[rawService] `json:"services" jsonschema_description:"Owner names whose A and AAAA answers depend on the client."`
}

type rawDNS struct {
	Listen  []text    `json:"listen" jsonschema:"minItems=1" jsonschema_description:"Addresses with port, UDP and TCP on each. Default: 0.0.0.0:53 and [::]:53."`
	Workers integer   `json:"workers" jsonschema:"minimum=1,maximum=1024" jsonschema_description:"Packet loops. Default: one for each core."`
	Ledger  text      `json:"ledger" jsonschema:"enum=on,enum=off" jsonschema_description:"Keep a sampled record of which client networks (v4 /24, v6 /48) ask for which services, in data_dir: what simulate weighs by. Default: on."`
	Chaos   *rawChaos `json:"chaos" jsonschema_description:"Answers to questions of class CHAOS. Omitted: they are refused."`
}

type rawChaos struct {
	ID      boolean `json:"id" jsonschema_description:"Answer id.server and hostname.bind with the node's name. Default: false."`
	Version text    `json:"version" jsonschema:"maxLength=255" jsonschema_description:"Answer version.server and version.bind with this text. Omitted: refused."`
}

type rawAdmin struct {
	Listen    text `json:"listen" jsonschema_description:"Address with port. Default: 127.0.0.1:8053. Beyond loopback only with a token."`
	TokenFile text `json:"token_file" jsonschema_description:"File with the secret that callers must present."`
}

type rawGeoData struct {
	Database    text `json:"database" jsonschema_description:"MaxMind-style .mmdb (City or Country; MaxMind, DB-IP, IPinfo). demo, or omitted: the built-in demo data."`
	ASNDatabase text `json:"asn_database" jsonschema_description:".mmdb with autonomous system numbers, beside the database."`
	Networks    text `json:"networks" jsonschema_description:"CSV on top of the database: prefix,country,subdivision,city,latitude,longitude or prefix,@region."`
}

type rawBoard struct {
	Redis      *rawRedis `json:"redis" jsonschema_description:"Share through Redis: one server, Sentinel or Cluster."`
	LocalAfter duration  `json:"local_after" jsonschema_description:"For how long the board may be away before this server's own checker decides alone; until then, and without a checker, states hold. Default: 30s."`
}

type rawRedis struct {
	Addresses    []text  `json:"addresses" jsonschema:"required,minItems=1" jsonschema_description:"host:port of each server. Several: Cluster; with master_name: Sentinel."`
	MasterName   text    `json:"master_name" jsonschema_description:"The name under which Sentinel knows the master."`
	Username     text    `json:"username"`
	Password     text    `json:"password" jsonschema_description:"Better: password_file, or a variable."`
	PasswordFile text    `json:"password_file"`
	TLS          *rawTLS `json:"tls" jsonschema_description:"Speak TLS. An empty mapping trusts the system's authorities."`
	Prefix       text    `json:"prefix" jsonschema_description:"Keys begin with {prefix}: so that a Cluster keeps them together. Default: meridian."`
}

type rawTLS struct {
	CAFile   text `json:"ca_file"`
	CertFile text `json:"cert_file"`
	KeyFile  text `json:"key_file"`
}

type rawChecker struct {
	Enabled    boolean `json:"enabled" jsonschema_description:"Default: true."`
	Vantage    text    `json:"vantage" jsonschema_description:"Who votes: one name for each checker. Default: the node's name, or local."`
	Vantages   integer `json:"vantages" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"How many of the checkers probe each endpoint. Default: all of them."`
	References []text  `json:"references" jsonschema:"minItems=1,maxItems=16" jsonschema_description:"What always answers, as URLs with addresses (tcp, tls, http, https, dns, icmp). While none does, the checker votes on nothing."`
}

type rawRegion struct {
	Coordinates []number `json:"coordinates" jsonschema:"title=[latitude\\, longitude],minItems=2,maxItems=2" jsonschema_description:"[latitude, longitude] in degrees: what nearest measures to."`
	Country     text     `json:"country" jsonschema_description:"ISO 3166-1 alpha-2, upper case."`
}

type rawCheck struct {
	Type            text        `json:"type" jsonschema:"required,enum=http,enum=https,enum=tcp,enum=tls,enum=grpc,enum=dns,enum=icmp,enum=exec,enum=push" jsonschema_description:"How endpoints are probed."`
	Port            integer     `json:"port" jsonschema:"minimum=1,maximum=65535" jsonschema_description:"Default: 80 for http, 443 for https and tls, 53 for dns."`
	Path            text        `json:"path" jsonschema_description:"http, https: what is requested. Default: /."`
	Host            text        `json:"host" jsonschema_description:"Host header or :authority, and SNI; the address dialled is the endpoint's. Omitted: that address."`
	TLS             boolean     `json:"tls" jsonschema_description:"grpc: over TLS, not in plain text (h2c). Default: false."`
	Service         text        `json:"service" jsonschema_description:"grpc: the service whose health is asked for. Omitted: the server's as a whole."`
	Query           *rawQuery   `json:"query" jsonschema_description:"dns: what is asked."`
	Command         []text      `json:"command" jsonschema:"minItems=1,maxItems=64" jsonschema_description:"exec: a program, by its absolute path, and its arguments. No shell is involved."`
	Lifetime        duration    `json:"lifetime" jsonschema_description:"push: how long a heartbeat counts. Default: 30s."`
	Load            rawSource   `json:"load" jsonschema_description:"Where an endpoint's load is to be had, as a share of what it can carry: 0.73. http, https: JSONPath into a body that is JSON; the header X-Meridian-Load and heartbeats say it, too. Or Prometheus."`
	Expect          rawExpect   `json:"expect" jsonschema_description:"http, https, dns: what a healthy response is like."`
	Degraded        rawDegraded `json:"degraded" jsonschema_description:"When an endpoint that is up should be spared half of its traffic."`
	SkipVerify      boolean     `json:"skip_verify" jsonschema_description:"https, tls, grpc: accept any certificate. Default: false."`
	CAFile          text        `json:"ca_file" jsonschema_description:"https, tls, grpc: PEM file with the only authorities to trust. Omitted: the system's."`
	Interval        duration    `json:"interval" jsonschema_description:"From one probe to the next. Default: 4s."`
	Timeout         duration    `json:"timeout" jsonschema_description:"Of a whole probe; below the interval. Default: 2s."`
	Recheck         duration    `json:"recheck" jsonschema_description:"To the next probe while observations speak against the verdict; at most the interval. Default: 1s, a quarter of intervals below 4s."`
	ConsecutiveUp   integer     `json:"consecutive_up" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Successes in a row that make an endpoint up. Default: 2, for push 1."`
	ConsecutiveDown integer     `json:"consecutive_down" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Failures in a row that make an endpoint down. Default: 3, for push 1."`
}

// rawSource is a JSONPath, or a mapping that asks Prometheus.
type rawSource struct {
	at         pos
	Path       text `json:"-"`
	Prometheus text `json:"prometheus" jsonschema_description:"URL of the Prometheus server that is asked."`
	Query      text `json:"query" jsonschema_description:"PromQL: a vector with an element for each endpoint."`
	Label      text `json:"label" jsonschema_description:"Of these elements, holds the endpoint's address, with a port or without. Default: instance."`
}

func (s *rawSource) decode(n *node) {
	s.at = n.at
	if n.kind == scalar {
		decode(n, &s.Path)
		return
	}
	decodeFields(n, s)
}

type rawQuery struct {
	Name text `json:"name" jsonschema:"required" jsonschema_description:"The name asked for."`
	Type text `json:"type" jsonschema_description:"Record type. Default: A."`
	Over text `json:"over" jsonschema:"enum=udp,enum=tcp" jsonschema_description:"Default: udp."`
}

type rawExpect struct {
	Status []integer      `json:"status" jsonschema:"minItems=1" jsonschema_description:"http, https: the healthy statuses. Default: 200."`
	Body   text           `json:"body" jsonschema_description:"http, https: must occur in the first 64 KiB of the body. Empty: not looked at."`
	JSON   dict[anything] `json:"json" jsonschema_description:"http, https: JSONPaths into a body that is JSON, and what all that each selects must equal."`
	RCode  text           `json:"rcode" jsonschema_description:"dns: the response code. Default: NOERROR."`
	Answer text           `json:"answer" jsonschema_description:"dns: the data of a record that must be among the answers. Omitted: any answer, or none."`
}

type rawDegraded struct {
	Latency duration `json:"latency" jsonschema_description:"A probe that takes longer counts as degraded; below the timeout. Omitted: none does."`
}

type rawZone struct {
	File        text         `json:"file" jsonschema_description:"RFC 1035 zone file. Omitted: SOA and NS are made from nameservers."`
	Nameservers dict[[]text] `json:"nameservers" jsonschema_description:"Name servers and their addresses (none for a name outside of the zone)."`
}

type rawService struct {
	sound      bool          // the schema found nothing wrong with any part of it
	TTL        integer       `json:"ttl" jsonschema:"title=a whole number of seconds,minimum=0,maximum=2147483647" jsonschema_description:"Default: 30."`
	Check      rawUse        `json:"check" jsonschema_description:"The health check for its endpoints, by name, or several combined. Omitted: they count as up."`
	MinHealthy rawMinHealthy `json:"min_healthy" jsonschema_description:"How many of a pool's endpoints, or what share of them, must be up; below it the pool counts as down. Default: 1."`
	Pools      dict[rawPool] `json:"pools" jsonschema:"required" jsonschema_description:"The answers, by region."`
	Policy     *rawPolicy    `json:"policy" jsonschema_description:"Which pool a client gets. Default: nearest."`
	Sticky     boolean       `json:"sticky" jsonschema_description:"Draw by the client's network (v4 /24, v6 /56) instead of at random. Default: false."`
	Families   text          `json:"families" jsonschema:"enum=apart,enum=together" jsonschema_description:"apart (the default): A and AAAA each go by the health of their own addresses. together: they name the same region as long as some region serves both."`
	Pins       boolean       `json:"pins" jsonschema_description:"Answer REGION.NAME for each pool, with that region alone. Default: false."`
	Second     boolean       `json:"second" jsonschema_description:"Answer second.NAME with each client's next choice. Default: false."`
	Quorum     rawQuorum     `json:"quorum" jsonschema_description:"As above, for this service."`
	MinVoters  integer       `json:"min_voters" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"As above, for this service."`
	Flap       rawFlap       `json:"flap" jsonschema_description:"As above, for this service; what is omitted is as above."`
	Failback   rawFailback   `json:"failback" jsonschema_description:"As above, for this service."`
	Safety     *rawSafety    `json:"safety" jsonschema_description:"As above, for this service."`
	Load       *rawLoad      `json:"load" jsonschema_description:"Pools above a target load shed clients. Omitted: none does."`
	Fallback   rawFallback   `json:"fallback" jsonschema_description:"The answer when no pool takes anything: all (as if every pool were up; the default), servfail, or these addresses."`
}

func (s *rawService) decode(n *node) {
	s.sound = n.sound()
	decodeFields(n, s)
}

// rawUse is the name of a check, or a mapping that combines several.
type rawUse struct {
	at       pos
	set      bool   // something is there, and it has the right shape
	Name     text   `json:"-"`
	All      []text `json:"all" jsonschema:"minItems=1" jsonschema_description:"Down when one of these is down."`
	Any      []text `json:"any" jsonschema:"minItems=1" jsonschema_description:"Up when one of these is up."`
	Critical text   `json:"critical" jsonschema_description:"It alone decides up or down; the others can only degrade."`
	Observe  []text `json:"observe" jsonschema:"minItems=1" jsonschema_description:"Probed and shown, but never counted."`
}

func (u *rawUse) decode(n *node) {
	u.at, u.set = n.at, !n.bad
	if n.kind == scalar {
		decode(n, &u.Name)
		return
	}
	decodeFields(n, u)
}

// rawPool is a list of addresses or a mapping.
type rawPool struct {
	at        pos
	Addresses []text `json:"addresses" jsonschema:"minItems=1" jsonschema_description:"The endpoints, IPv4 and IPv6."`
	CNAME     text   `json:"cname" jsonschema_description:"A name to send clients to, instead of addresses."`
	Capacity  number `json:"capacity" jsonschema:"minimum=0" jsonschema_description:"What the pool can carry, in queries or requests per second: one of the two for all pools of a service. simulate holds loads against it. Omitted: not known."`
	Weight    number `json:"weight" jsonschema:"minimum=0" jsonschema_description:"The pool's share under policy: weighted. 0 is never. Default: 1."`
}

func (p *rawPool) decode(n *node) {
	p.at = n.at
	if n.kind == sequence {
		decode(n, &p.Addresses)
		return
	}
	decodeFields(n, p)
}

// rawMinHealthy is a number (of endpoints, of a policy's children) or a percentage.
type rawMinHealthy struct {
	Count integer `json:"-"`
	Share text    `json:"-"`
}

func (m *rawMinHealthy) decode(n *node) {
	decode(n, &m.Count)
	decode(n, &m.Share)
}

// minHealthy returns the value; zero where none was given.
func (m *rawMinHealthy) minHealthy() policy.MinHealthy {
	if m.Count.set {
		return policy.MinHealthy{Count: int(m.Count.v)}
	}
	percent, _ := strconv.Atoi(strings.TrimSuffix(m.Share.v, "%")) // the schema has checked the form
	return policy.MinHealthy{Share: float64(percent) / 100}
}

// rawFallback is a word or a list of addresses.
type rawFallback struct {
	Kind      text   `json:"-"`
	Addresses []text `json:"-"`
}

func (f *rawFallback) decode(n *node) {
	decode(n, &f.Kind)
	decode(n, &f.Addresses)
}

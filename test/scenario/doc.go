// Package scenario runs stories: text files in which time is a step, written in the words of those who run the
// servers. A story says what the world does (an endpoint answers 503), lets time pass, asks a question and says which
// answer it expects:
//
//	title: The nearest region dies, and its clients go to the next
//	config world
//
//	after 30s
//	ask www.glb.test A from 192.0.2.1/28
//	expect 198.18.5.1 scope 28 region ap-northeast
//
//	region ap-northeast refuses
//	after 20s
//	ask www.glb.test A from 192.0.2.1/28
//	expect 198.18.2.1
//
// Everything but sockets is real: the core of `meridian serve` loads the configuration, checks, votes, publishes and
// reloads; only its prober asks the story instead of the network. A question gets the very decision that a packet gets
// (dnsserver holds the two equal, test/e2e asks with packets). The whole runs in a testing/synctest bubble, and draws
// from a fixed seed: an hour takes no time, and no step waits for luck.
//
// # Steps
//
// One step a line; # begins a comment; words may be quoted with "…". A step that ends in <<WORD takes the lines up to
// one that says WORD as its text.
//
//	title: TEXT                            what the story shows (once, first)
//	file NAME <<END                        puts a file beside the configuration
//	config NAME | config <<END             the configuration: testdata/NAME.yaml, or the text
//	start                                  start the server (implied by the first step that needs one)
//	at 40s                                 let time pass until 40 s after the start of the story
//	after 15s                              let 15 s pass
//	endpoint ADDRESS BEHAVIOUR             from now on each probe of that address …
//	region NAME BEHAVIOUR                  … and of every endpoint of the region
//	    is fine | reports load NUMBER | answers STATUS | refuses | hangs
//	ask NAME TYPE [from PREFIX] [source ADDRESS] [N times | N clients]
//	                                       PREFIX is the client subnet of the query, ADDRESS where it comes from;
//	                                       N clients: each from a network of its own, in 100.64.0.0/10
//	restart                                stop and start again over the same data_dir
//	reload NAME | reload <<END             change the configuration and reload it
//	failback REGION                        let what is kept down there come back
//	operator drains | maintains REGION     lay down an override, by ann for 4 h; it goes on with any of
//	operator forces up | down REGION           of SERVICE, for 2h, returning 10m, because TEXT, by force
//	operator dials REGION 40%
//	operator weighs SERVICE REGION=50 …
//	operator ends ID                       end an override: admin:REGION, dial:REGION, weight:SERVICE
//	expect …                               see below; several may follow one ask
//
// # Expectations
//
//	expect ADDRESS…                        exactly these answers, in any order
//	expect one of ADDRESS…                 one answer, out of these
//	expect N of ADDRESS…                   N different answers, out of these
//	expect cname NAME                      the answer is this CNAME
//	expect nodata | nxdomain | refused | servfail
//	expect shares ADDRESS 25% … [within 3%]   of all N asks
//	expect always the same                 all N asks got one and the same answer
//	expect endpoint ADDRESS [of SERVICE] up | down | unknown [because TEXT]
//	expect reload done                     the last reload was taken
//	expect reload refused [TEXT]           it was not, and said TEXT
//	expect operator obeyed                 the operator's last word holds
//	expect operator refused [TEXT]         it doesn't, for TEXT
//
// Any expectation of an answer may go on with `scope N`, `ttl N` and `region NAME`.
package scenario

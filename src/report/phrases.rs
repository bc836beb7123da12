//! Every text of reports, in two languages. `{0}` and so on stand for values.

use super::language::Language;

macro_rules! phrases {
    ($($key:ident: $en:literal | $de:literal;)*) => {
        /// A phrase.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum P { $($key,)* }

        #[cfg(test)]
        const ALL: &[P] = &[$(P::$key,)*];

        const fn texts(phrase: P) -> (&'static str, &'static str) {
            match phrase { $(P::$key => ($en, $de),)* }
        }
    };
}

/// The phrase in this language with its values.
pub(super) fn say(language: Language, phrase: P, values: &[&str]) -> String {
    let (en, de) = texts(phrase);
    let mut text = String::new();
    let mut rest = language.of(en, de);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (number, after) = after.split_once('}').unwrap_or((after, ""));
        // Values are not searched for placeholders: they may be foreign.
        text.push_str(number.parse::<usize>().ok().and_then(|at| values.get(at)).copied().unwrap_or_default());
        rest = after;
    }
    text.push_str(rest);
    text
}

phrases! {
    // Frame.
    IncidentTitle: "Incident report: {0}, {1}" | "Vorfallbericht: {0}, {1}";
    PeriodTitle: "Report: {0}" | "Bericht: {0}";
    Subtitle: "Incident {0}, captured by {1}, report of {2}" | "Vorfall {0}, aufgezeichnet von {1}, Bericht vom {2}";
    PeriodSubtitle: "{0} to {1}, captured by {2}, report of {3}" | "{0} bis {1}, aufgezeichnet von {2}, Bericht vom {3}";
    BadgeOpen: "Attack, going on" | "Angriff, dauert an";
    BadgeClosed: "Attack" | "Angriff";
    BadgeEndUnknown: "Attack, end not known" | "Angriff, Ende unbekannt";
    BadgeFault: "Fault" | "Störung";
    BadgeNote: "Note" | "Hinweis";
    BadgeClear: "No attack seen" | "Kein Angriff gesehen";
    BadgeUnknown: "Incomplete" | "Unvollständig";
    BadgeAttacks: "Attacks: {0}" | "Angriffe: {0}";
    FooterIncident: "Made by Pegel from the stored incident. The same figures are in the incident JSON. How sure they are is said where they are given: shares of sources are lower bounds, shares of ports and names carry an error (±)." | "Von Pegel aus dem gespeicherten Vorfall erstellt. Dieselben Zahlen stehen im Vorfall-JSON. Wie sicher sie sind, steht bei ihnen: Anteile von Quellen sind Untergrenzen, Anteile von Ports und Namen haben einen Fehler (±).";
    FooterPeriod: "Made by Pegel from its store." | "Von Pegel aus seinem Speicher erstellt.";
    FooterUtc: "All times are in UTC." | "Alle Zeiten sind in UTC.";
    AsTable: "Values as a table" | "Werte als Tabelle";
    Drill: "This was a drill: none of these packets was on a wire." | "Das war eine Übung: Keines dieser Pakete war je auf einer Leitung.";
    Unknown: "unknown" | "unbekannt";

    // Verdict.
    Since: "Since {0}" | "Seit dem {0}";
    OneDay: "On {0} from {1} to {2} UTC" | "Am {0} von {1} bis {2} UTC";
    At1: "On {0} at {1} UTC" | "Am {0} um {1} UTC";
    Days: "From {0}, to {1}" | "Vom {0}, bis zum {1}";
    AttackedClosed: "{0}, {1} was the target of {2}." | "{0} war {1} Ziel eines Angriffs: {2}.";
    AttackedOpen: "{0}, {1} has been the target of {2}." | "{0} ist {1} Ziel eines Angriffs: {2}.";
    NotedClosed: "{0}, this was seen at {1}: {2}." | "{0} wurde bei {1} beobachtet: {2}.";
    NotedOpen: "{0}, this has been seen at {1}: {2}." | "{0} wird bei {1} beobachtet: {2}.";
    SentClosed: "{0}, {1} was the source of {2} against {3}." | "{0} ging von {1} ein Angriff aus: {2}; Ziel: {3}.";
    SentOpen: "{0}, {1} has been the source of {2} against {3}." | "{0} geht von {1} ein Angriff aus: {2}; Ziel: {3}.";
    NotedSentClosed: "{0}, {1} was the source of {2} against {3}." | "{0} ging von {1} aus: {2}; Ziel: {3}.";
    NotedSentOpen: "{0}, {1} has been the source of {2} against {3}." | "{0} geht von {1} aus: {2}; Ziel: {3}.";
    SeenClosed: "{0}, this was seen at {1}: {2}." | "{0} wurde bei {1} beobachtet: {2}.";
    SeenOpen: "{0}, this has been seen at {1}: {2}." | "{0} wird bei {1} beobachtet: {2}.";
    CheckClosed: "{0}, a check of this host failed: {1}." | "{0} schlug eine Prüfung dieses Hosts fehl: {1}.";
    CheckOpen: "{0}, a check of this host has failed: {1}." | "{0} schlägt eine Prüfung dieses Hosts fehl: {1}.";
    StationAt: "the station with MAC address {0} on interface {1}" | "der Station mit der MAC-Adresse {0} am Interface {1}";
    LanAt: "the LAN at interface {0}" | "dem LAN am Interface {0}";
    LanAtVlan: "the LAN at interface {0}, VLAN {1}" | "dem LAN am Interface {0}, VLAN {1}";
    LinkOf: "the link of interface {0}" | "der Leitung des Interface {0}";
    NetworkIs: "the network {0}" | "das Netz {0}";
    OurHost: "our host {0}" | "unserem Host {0}";
    OurNetwork: "our network {0}" | "unserem Netz {0}";
    WithGuest: "{0} (guest {1})" | "{0} (Gast {1})";
    Addresses: "{0} addresses" | "{0} Adressen";
    OtherHosts: "other hosts" | "andere Hosts";
    Together: "{0}, together with {1}" | "{0}, zusammen mit {1}";
    MoreKinds: "{0} further kinds" | "{0} weitere Arten";
    FromWithin: "The traffic came from within our own networks." | "Der Verkehr kam aus unseren eigenen Netzen.";
    HowMuch: "In its busiest second (any second, not aligned to the clock) there were {0} ({1}), in total {2} packets ({3})." | "In der stärksten Sekunde (einer beliebigen, nicht am Takt der Uhr ausgerichteten) waren es {0} ({1}), insgesamt {2} Pakete ({3}).";
    NormalIs: "Normal for this target at this time of day is {0} packets/s." | "Normal sind für dieses Ziel zu dieser Tageszeit {0} Pakete/s.";
    NormalBefore: "Just before, there were {0} packets/s." | "Unmittelbar davor waren es {0} Pakete/s.";
    FromTo: "{0} to {1}" | "{0} bis {1}";
    ToTime: "{0} to {1}" | "{0} bis {1}";
    SiteExact: "The site that most requests name is {0} ({1} of the requests)." | "Die meisten Anfragen nennen die Site {0} ({1} der Anfragen).";
    Over: "It is over." | "Der Vorfall ist vorbei.";
    StillGoing: "It was still going on at the time of this report ({0}), and was last seen on {1}." | "Zum Zeitpunkt dieses Berichts ({0}) dauerte es noch an; zuletzt gesehen wurde es am {1}.";
    Unobserved: "It was last seen on {0}. The observation ended on {1}, before it could be declared over; whether it went on is not known." | "Zuletzt gesehen wurde es am {0}. Die Beobachtung endete am {1}, bevor es für beendet erklärt werden konnte; ob es weiterging, ist nicht bekannt.";
    OverUnknown: "Whether it is over is not known." | "Ob es vorbei ist, ist nicht bekannt.";
    NothingCaptured: "From {0} to {1} nothing was captured ({2}): what happened then is in none of the figures." | "Vom {0} bis {1} wurde nichts aufgezeichnet ({2}): Was da geschah, ist in keiner der Zahlen enthalten.";
    MoreGaps: "In {0} further, shorter times nothing was captured either ({1} in sum)." | "Auch in {0} weiteren, kürzeren Zeiten wurde nichts aufgezeichnet (zusammen {1}).";
    SeveralGaps: "In {0} times nothing was captured ({1} in sum, see below): what happened then is in none of the figures." | "In {0} Zeiten wurde nichts aufgezeichnet (zusammen {1}, siehe unten): Was da geschah, ist in keiner der Zahlen enthalten.";
    Merged: "This is part of a larger incident, on {0}, whose report contains these packets as well." | "Das ist Teil eines größeren Vorfalls ({0}), dessen Bericht auch diese Pakete enthält.";
    OverUnknownStopped: "Whether it is over is not known: Pegel was stopped at {0} while it went on." | "Ob es vorbei ist, ist nicht bekannt: Pegel wurde am {0} beendet, während es andauerte.";
    OverUnknownClock: "Whether it is over is not known: the clock of the capture jumped at {0}." | "Ob es vorbei ist, ist nicht bekannt: Die Uhr der Aufzeichnung sprang am {0}.";
    OverUnknownEvicted: "Whether it is over is not known: from {0} on it was no longer followed, since too many more severe incidents were open." | "Ob es vorbei ist, ist nicht bekannt: Ab dem {0} wurde es nicht weiter verfolgt, weil zu viele schwerere Vorfälle offen waren.";
    StateOpen: "going on" | "dauert an";
    StateOver: "over" | "vorbei";
    StateMerged: "part of another" | "Teil eines anderen";
    StateUnknown: "end not known" | "Ende unbekannt";

    // Figures and facts.
    Lasted: "Duration" | "Dauer";
    PeakRate: "Peak" | "Spitze";
    Total: "Packets in total" | "Pakete insgesamt";
    Sources: "Sources" | "Quellen";
    Victims: "Targets" | "Ziele";
    SpoofedShort: "probably spoofed" | "wahrscheinlich gefälscht";
    SpoofedPartly: "part of them probably spoofed" | "zum Teil wahrscheinlich gefälscht";
    About: "about {0} (±{1})" | "etwa {0} (±{1})";
    AtLeast: "at least {0}" | "mindestens {0}";
    AtMost: "at most {0}" | "höchstens {0}";
    Known: "What is known" | "Was bekannt ist";
    TargetLabel: "Target" | "Ziel";
    CulpritLabel: "Source" | "Verursacher";
    Guest: "Guest" | "Gast";
    MacOfPackets: "MAC address in the packets" | "MAC-Adresse in den Paketen";
    InterfaceLabel: "Interface" | "Interface";
    Vlan: "VLAN {0}" | "VLAN {0}";
    Begin: "Start (estimated)" | "Beginn (geschätzt)";
    Detected: "Detected" | "Erkannt";
    DetectedAfter: "{0} after the start" | "{0} nach dem Beginn";
    End: "Last attack traffic" | "Letzter Angriffsverkehr";
    LastSeen: "Last seen" | "Zuletzt gesehen";
    Kinds: "Kinds" | "Arten";
    Kind: "Kind" | "Art";
    Patterns: "Patterns" | "Muster";
    CarpetBombing: "spread over many addresses of a network" | "verteilt über viele Adressen eines Netzes";
    PulseWave: "{0} bursts with pauses" | "{0} Stöße mit Pausen";
    MultiVector: "several kinds of attack" | "mehrere Arten von Angriff";
    SeverityLabel: "Severity" | "Schwere";
    SeverityInfo: "informational" | "Hinweis";
    SeverityWarning: "warning" | "Warnung";
    SeverityCritical: "critical" | "kritisch";
    InfoMeans: "worth knowing, but no attack to act on" | "wissenswert, aber kein Angriff, der ein Eingreifen verlangt";
    WarningMeans: "more than the limits for this target allow" | "mehr, als die Grenzwerte für dieses Ziel zulassen";
    CriticalMeans: "far above the limits, or of a kind that harms from the first packet" | "weit über den Grenzwerten, oder von einer Art, die ab dem ersten Paket schadet";
    ConfidenceLabel: "Confidence" | "Gewissheit";
    ConfidenceOf: "{0} that this is an incident of this kind" | "{0}, dass es ein Vorfall dieser Art ist";
    RecordingLabel: "Recording" | "Aufzeichnung";
    Measured: "What was measured" | "Was gemessen wurde (englisch)";

    // Course.
    Course: "Course" | "Verlauf";
    NoSeries: "The course over time was not kept." | "Der zeitliche Verlauf wurde nicht aufbewahrt.";
    MarkOnset: "start" | "Beginn";
    MarkDetected: "detected" | "erkannt";
    MarkOnsetDetected: "start, detected after {0}" | "Beginn, erkannt nach {0}";
    MarkEnd: "end" | "Ende";
    BandDays: "normal at this time of day: 5th to 95th percentile of {0} minutes on {1} days before" | "normal zu dieser Tageszeit: 5. bis 95. Perzentil aus {0} Minuten an {1} Tagen davor";
    BandBefore: "normal: 5th to 95th percentile of the {0} seconds before" | "normal: 5. bis 95. Perzentil der {0} Sekunden davor";
    AllOfTarget: "All traffic of the target" | "Gesamter Verkehr des Ziels";
    AllOfHost: "All traffic of the host" | "Gesamter Verkehr des Hosts";
    AllOfStation: "All traffic of the station" | "Gesamter Verkehr der Station";
    AllOfLan: "All traffic of the LAN" | "Gesamter Verkehr des LAN";
    GapNotCaptured: "nothing was captured" | "nichts wurde aufgezeichnet";
    PlotPackets: "Packets per second by kind" | "Pakete pro Sekunde nach Art";
    PlotBits: "Bits per second by kind" | "Bits pro Sekunde nach Art";
    MeanOf: "{0} (means of {1} s)" | "{0} (Mittel über {1} s)";
    PlotDescription: "{0}, from {1} to {2}. Lines: {3}. Highest value: {4}." | "{0}, vom {1} bis {2}. Linien: {3}. Höchster Wert: {4}.";
    TimeUtc: "Time (UTC)" | "Zeit (UTC)";
    At: "Time (UTC)" | "Zeit (UTC)";
    Change: "Change" | "Änderung";
    ChangeOpened: "opened" | "eröffnet";
    ChangeExtended: "another kind was added" | "weitere Art kam hinzu";
    ChangeEscalated: "became more severe" | "wurde schwerer";
    ChangeUpdated: "updated" | "aktualisiert";
    ChangeResumed: "resumed after a restart" | "nach Neustart fortgesetzt";
    ChangeClosed: "closed" | "geschlossen";
    ChangeOver: "declared over after {0} without attack traffic" | "nach {0} ohne Angriffsverkehr für beendet erklärt";
    MoreChanges: "{0} further changes are not shown." | "{0} weitere Änderungen sind nicht gezeigt.";

    // Peers.
    SourcesTitle: "Where it came from" | "Woher es kam";
    VictimsTitle: "What it hit" | "Wen es traf";
    SourcesNumber: "Number of source addresses: {0}." | "Zahl der Quelladressen: {0}.";
    VictimsNumber: "Number of target addresses: {0}." | "Zahl der Zieladressen: {0}.";
    SpoofedLong: "The source addresses are probably spoofed: if so, they belong to bystanders or are not in use, and are therefore not listed. Complaints to their owners would then reach the wrong people." | "Die Quelladressen sind wahrscheinlich gefälscht: Dann gehören sie Unbeteiligten oder sind nicht in Gebrauch, und deshalb sind sie nicht aufgeführt. Beschwerden bei ihren Inhabern träfen dann die Falschen.";
    SpoofedMixed: "Source addresses of one part ({0}) are probably spoofed: if so, they belong to bystanders or are not in use. Those of the other part ({1}) are misused servers, which really sent the packets: their operators can be asked to secure them. Addresses are not listed, since it is not on record which belong to which part." | "Quelladressen des einen Teils ({0}) sind wahrscheinlich gefälscht: Dann gehören sie Unbeteiligten oder sind nicht in Gebrauch. Die des anderen Teils ({1}) sind missbrauchte Server, die die Pakete wirklich gesendet haben: Deren Betreiber kann man bitten, sie abzusichern. Adressen sind nicht aufgeführt, weil nicht aufgezeichnet ist, welche zu welchem Teil gehören.";
    Listed: "Listed are the {0} addresses with the most packets. Together they account for at least {1} of all packets." | "Aufgeführt sind die {0} Adressen mit den meisten Paketen. Zusammen entfallen auf sie mindestens {1} aller Pakete.";
    ListedOne: "Listed is the address with the most packets. It accounts for at least {0} of all packets." | "Aufgeführt ist die Adresse mit den meisten Paketen. Auf sie entfallen mindestens {0} aller Pakete.";
    NoneListed: "None of the addresses can be shown to have sent a definite part of it, so none is listed." | "Keiner der Adressen lässt sich ein bestimmter Anteil nachweisen; deshalb ist keine aufgeführt.";
    NetworkLabel: "Network" | "Netz";
    AddressesLabel: "Addresses" | "Adressen";
    OriginLabel: "Operator and country" | "Betreiber und Land";
    PacketsAtLeast: "Packets (at least)" | "Pakete (mindestens)";
    ShareAtLeast: "Share (at least)" | "Anteil (mindestens)";
    AndMore: "{0} more" | "{0} weitere";
    MoreNetworks: "The busiest networks; {0} more are not shown" | "Die stärksten Netze; {0} weitere sind nicht gezeigt";

    // Packets.
    Carried: "What the packets carry" | "Was die Pakete enthalten";
    NamesTitle: "Names in the requests" | "Namen in den Anfragen";
    NameLabel: "Name" | "Name";
    NameKind: "From" | "Aus";
    DnsZone: "DNS zone" | "DNS-Zone";
    NameUnreadable: "not readable (encrypted, cut off or none)" | "nicht lesbar (verschlüsselt, abgeschnitten oder keiner)";
    ShareOfRequests: "Share of requests" | "Anteil der Anfragen";
    DestinationPorts: "Destination ports" | "Zielports";
    SourcePorts: "Source ports" | "Quellports";
    PortLabel: "Port" | "Port";
    ShareLabel: "Share" | "Anteil";
    PlotLengths: "Packet lengths in octets, each class up to" | "Paketlängen in Oktetten, Klassen jeweils bis";
    PlotTtls: "TTL or hop limit, each class up to" | "TTL oder Hop-Limit, Klassen jeweils bis";
    GroupAttack: "Packets like those of the attack" | "Pakete wie die des Angriffs";
    GroupOther: "Other packets of the target" | "Andere Pakete des Ziels";
    GroupOtherHost: "Other packets of the host" | "Andere Pakete des Hosts";
    GroupStation: "Packets of this station" | "Pakete dieser Station";
    GroupLan: "Packets of this kind" | "Pakete dieser Art";
    GroupOtherLan: "Other packets" | "Andere Pakete";
    GroupOf: "{0} ({1} kept packets)" | "{0} ({1} aufbewahrte Pakete)";
    ClassLabel: "Up to" | "Bis";

    // Not known.
    NotKnown: "What is not known" | "Was nicht bekannt ist";
    CapturedAll: "The recording is complete: no packet was dropped." | "Die Aufzeichnung ist vollständig: Kein Paket wurde verworfen.";
    CapturedPart: "{0} of the packets were captured; the kernel dropped {1}. The real figures are higher." | "{0} der Pakete wurden aufgezeichnet; der Kernel verwarf {1}. Die wirklichen Zahlen sind höher.";
    Sampled: "At times only 1 in {0} packets was inspected. Totals count the inspected packets only; the real figures are higher." | "Zeitweise wurde nur 1 von {0} Paketen untersucht. Summen zählen nur untersuchte Pakete; die wirklichen Zahlen sind höher.";
    UnknownSpoofed: "Who sent the attack: the source addresses are probably spoofed. If so, only the networks that carried the packets can trace them." | "Wer den Angriff gesendet hat: Die Quelladressen sind wahrscheinlich gefälscht. Dann können nur die Netze, die die Pakete befördert haben, sie zurückverfolgen.";
    UnknownSpoofedPart: "Who sent the part with probably spoofed addresses: if they are, only the networks that carried the packets can trace them." | "Wer den Teil mit wahrscheinlich gefälschten Adressen gesendet hat: Sind sie es, können nur die Netze, die die Pakete befördert haben, sie zurückverfolgen.";
    UnknownBehindPart: "Who caused the amplification: its sources are misused servers, not the attacker." | "Wer die Amplification verursacht hat: Ihre Quellen sind missbrauchte Server, nicht der Angreifer.";
    UnknownStation: "Which program on the station sent this, and whether on purpose. A MAC address can be forged: the interface and guest named are those at which its frames were seen." | "Welches Programm auf der Station das gesendet hat, und ob mit Absicht. Eine MAC-Adresse lässt sich fälschen: Interface und Gast sind die, an denen ihre Frames gesehen wurden.";
    UnknownBehind: "Who caused the attack: the sources are misused servers, not the attacker." | "Wer den Angriff verursacht hat: Die Quellen sind missbrauchte Server, nicht der Angreifer.";
    UnknownWho: "Who is behind the source addresses, and whether their owners know of it." | "Wer hinter den Quelladressen steht, und ob ihre Inhaber davon wissen.";
    UnknownCulprit: "What on this host sent the traffic, and whether the host was taken over." | "Was auf diesem Host den Verkehr gesendet hat, und ob der Host übernommen wurde.";
    UnknownNumber: "The exact number of addresses: it is an estimate, off by at most {0}." | "Die genaue Zahl der Adressen: Sie ist geschätzt und weicht höchstens um {0} ab.";
    UnknownMore: "The exact number of addresses: there are at least as many as stated." | "Die genaue Zahl der Adressen: Es sind mindestens so viele wie angegeben.";
    UnknownPrefix: "The totals of the whole network: they begin when the network was found to be attacked, and are lower bounds." | "Die Summen des ganzen Netzes: Sie beginnen, als das Netz als angegriffen erkannt wurde, und sind Untergrenzen.";
    UnknownSomeNames: "Which site {0} of the requests are for: their names could not be read (encrypted, cut off or none)." | "Welcher Site {0} der Anfragen galten: Ihre Namen waren nicht lesbar (verschlüsselt, abgeschnitten oder keine).";
    UnknownAllNames: "Which site is meant: the names in the requests could not be read (encrypted, cut off or none)." | "Welche Site gemeint ist: Die Namen in den Anfragen waren nicht lesbar (verschlüsselt, abgeschnitten oder keine).";
    UnknownSite: "Which site is meant, if the address serves several: packets of this kind carry no name." | "Welche Site gemeint ist, falls die Adresse mehrere bedient: Pakete dieser Art enthalten keinen Namen.";
    UnknownService: "Whether visitors were affected: Pegel sees packets, not whether a service answered in time." | "Ob Besucher betroffen waren: Pegel sieht Pakete, nicht ob ein Dienst rechtzeitig antwortete.";
    UnknownNormal: "What is normal for this address at this time: there is no record of the time before." | "Was für diese Adresse zu dieser Zeit normal ist: Aus der Zeit davor liegt nichts vor.";
    UnknownPackets: "Lengths and TTLs of the packets: none were kept." | "Längen und TTL der Pakete: Es wurden keine aufbewahrt.";
    UnknownOrigins: "Operators and countries of the addresses: no file for them is configured." | "Betreiber und Länder der Adressen: Dafür ist keine Datei eingerichtet.";
    UnknownOriginFile: "Some operators and countries of addresses: a file for them cannot be used ({0})." | "Manche Betreiber und Länder der Adressen: Eine Datei dafür ist nicht brauchbar ({0}).";

    // Done.
    Done: "What was done" | "Was getan wurde";
    OnlyObserves: "Pegel only observes: it changed and blocked no traffic. What else was done is known to the operator." | "Pegel beobachtet nur: Es hat keinen Verkehr verändert oder gesperrt. Was sonst getan wurde, weiß der Betreiber.";
    InMaintenance: "It began during announced maintenance ({0}, until {1}) and is rated one step lower for that." | "Er begann während angekündigter Wartung ({0}, bis {1}) und ist deshalb um eine Stufe niedriger bewertet.";
    NoSuggestions: "There are no suggested filters for it." | "Es gibt dafür keine vorgeschlagenen Filter.";
    Suggestions: "Filters were suggested (at the end, for technicians); whether one was loaded is not known." | "Filter wurden vorgeschlagen (am Ende, für Techniker); ob einer geladen wurde, ist nicht bekannt.";
    RuleKind: "Filter" | "Filter";
    RuleAction: "Effect" | "Wirkung";
    MatchesAttack: "Of the sampled attack packets" | "Von den erfassten Angriffspaketen";
    Collateral: "Of the sampled normal packets" | "Von den erfassten normalen Paketen";
    ActionDrop: "discards" | "verwirft";
    ActionLimit: "limits the rate" | "begrenzt die Rate";
    ActionBlackhole: "discards all traffic of the target" | "verwirft allen Verkehr des Ziels";
    ActionMatch: "only selects" | "wählt nur aus";
    RuleText: "Text of the filter: {0}" | "Text des Filters: {0}";
    FiltersTitle: "For your network technician: suggested filters" | "Für Ihren Netzwerktechniker: vorgeschlagene Filter";
    FiltersOne: "The shares are those of the packets that were sampled. Check a filter before it is loaded." | "Die Anteile sind die der Pakete, die als Stichprobe erfasst wurden. Prüfen Sie einen Filter, bevor er geladen wird.";
    FiltersSeveral: "The shares are those of the packets that were sampled, over all kinds of this incident together: a filter may match one kind and not another. Check it before it is loaded." | "Die Anteile sind die der Pakete, die als Stichprobe erfasst wurden, über alle Arten dieses Vorfalls zusammen: Ein Filter kann eine Art treffen und eine andere nicht. Prüfen Sie ihn, bevor er geladen wird.";
    BlackholeMeans: "A blackhole route makes the address unreachable for everyone; it is only to protect the rest of the network." | "Eine Blackhole-Route macht die Adresse für alle unerreichbar; sie dient nur dem Schutz des übrigen Netzes.";
    FilterNotes: "Notes on these filters:" | "Anmerkungen zu diesen Filtern (englisch):";
    NoneOf: "none of {0}, so below about {1}" | "keines von {0}, also unter etwa {1}";
    Technical: "For technicians" | "Für Techniker";
    AdviceTitle: "What you can do" | "Was Sie tun können";
    AdviceProvider: "Ask your provider to filter before your line, and hand over this report and the filters it suggests, if any. A filter on the server itself helps only while the line is not full." | "Bitten Sie Ihren Provider, vor Ihrer Leitung zu filtern, und geben Sie ihm diesen Bericht und gegebenenfalls die darin vorgeschlagenen Filter. Ein Filter auf dem Server selbst hilft nur, solange die Leitung nicht voll ist.";
    AdviceSpoofed: "Do not block single source addresses: they are probably spoofed, and real visitors may use them." | "Sperren Sie keine einzelnen Quelladressen: Sie sind wahrscheinlich gefälscht und können echten Besuchern gehören.";
    AdviceAmplified: "The replies come from the source ports that are listed for technicians. Check whether this host needs replies from these ports, as DNS and NTP clients do; if not, they can be filtered as a whole." | "Die Antworten kommen von den Quellports, die für Techniker aufgeführt sind. Prüfen Sie, ob dieser Host Antworten von diesen Ports braucht, wie es bei DNS und NTP der Fall ist; wenn nicht, können sie ganz gefiltert werden.";
    AdviceMisused: "The operators of the misused servers can be asked to secure them. That does not stop this attack at once." | "Die Betreiber der missbrauchten Server kann man bitten, sie abzusichern. Das beendet diesen Angriff nicht sofort.";
    AdviceBlock: "Limit or block the busiest source addresses or networks, at your firewall or at your provider." | "Begrenzen oder sperren Sie die stärksten Quelladressen oder Netze, an Ihrer Firewall oder beim Provider.";
    AdviceVisitors: "Visitors may be behind the same addresses: a limit for each address is milder than a block." | "Hinter denselben Adressen können auch Besucher sein: Eine Grenze je Adresse ist milder als eine Sperre.";
    AdviceHostStop: "Disconnect this host or limit what it may send, until the cause is found." | "Trennen Sie diesen Host vom Netz oder begrenzen Sie, was er senden darf, bis die Ursache gefunden ist.";
    AdviceHostSearch: "Look for programs and logins that do not belong there. Keep a copy of the disk before anything is erased." | "Suchen Sie nach Programmen und Anmeldungen, die dort nicht hingehören. Sichern Sie eine Kopie der Festplatte, bevor etwas gelöscht wird.";
    AdviceHostComplaints: "If complaints about this time arrive, this report can answer them." | "Wenn zu dieser Zeit Beschwerden eintreffen, kann dieser Bericht sie beantworten.";
    AdviceReflectorClose: "Make the service reachable from your own networks only, or switch it off if it is not needed." | "Machen Sie den Dienst nur aus Ihren eigenen Netzen erreichbar, oder schalten Sie ihn ab, wenn er nicht gebraucht wird.";
    AdviceReflectorCheck: "Check from outside afterwards whether it still answers." | "Prüfen Sie danach von außen, ob er noch antwortet.";
    AdviceStation: "Find the station by its MAC address and interface, and disconnect it until the cause is found." | "Suchen Sie die Station anhand von MAC-Adresse und Interface, und trennen Sie sie vom Netz, bis die Ursache gefunden ist.";
    AdviceStationOwner: "Ask its owner first: a wrong configuration can look like intent." | "Fragen Sie zuerst ihren Betreiber: Eine falsche Konfiguration kann wie Absicht aussehen.";
    AdviceStationGuard: "Where switch or hypervisor allow it, tie addresses to ports (port security, DHCP snooping, ARP inspection)." | "Wo Switch oder Hypervisor es erlauben, binden Sie Adressen an Ports (Port Security, DHCP-Snooping, ARP-Inspection).";
    AdviceScan: "Nothing has to be done at once. Close services that need not be reachable, and keep the others up to date." | "Sofort ist nichts zu tun. Schließen Sie Dienste, die nicht erreichbar sein müssen, und halten Sie die anderen aktuell.";
    GlossaryTitle: "Terms" | "Begriffe";
    GlossaryTerms: "What the terms in this report mean" | "Was die Begriffe in diesem Bericht bedeuten";
    TermPacket: "Packet: the unit in which data crosses a network, usually up to 1,500 bytes." | "Paket: die Einheit, in der Daten durch ein Netz gehen, meist bis zu 1.500 Byte.";
    TermSyn: "SYN: the first packet of a TCP connection, a request to open it." | "SYN: das erste Paket einer TCP-Verbindung, die Bitte um ihren Aufbau.";
    TermSpoofed: "Spoofed: with a sender address that is not that of the sender." | "Gefälscht: mit einer Absenderadresse, die nicht die des Absenders ist.";
    TermUdp: "UDP: a way to send packets without a connection, as DNS, games and telephony do." | "UDP: Versand von Paketen ohne Verbindung, wie bei DNS, Spielen und Telefonie.";
    TermIcmp: "ICMP: messages of the network itself, such as ping." | "ICMP: Meldungen des Netzes selbst, etwa Ping.";
    TermArp: "ARP: the way in which hosts of a LAN find the MAC address that belongs to an IP address." | "ARP: das Verfahren, mit dem Hosts eines LAN die MAC-Adresse zu einer IP-Adresse finden.";
    TermMac: "MAC address: the address of a network card within a LAN." | "MAC-Adresse: die Adresse einer Netzwerkkarte innerhalb eines LAN.";
    TermPort: "Port: a number that says which service of a host a packet is for; also a socket of a switch." | "Port: eine Nummer, die sagt, für welchen Dienst eines Hosts ein Paket ist; auch der Anschluss an einem Switch.";
    TermPrefix: "/24 and /48: a block of neighbouring addresses, 256 with IPv4 (/24); with IPv6, usually that of one site (/48)." | "/24 und /48: ein Block benachbarter Adressen, bei IPv4 256 (/24), bei IPv6 meist der eines Standorts (/48).";
    TermTtl: "TTL (IPv6: hop limit): how many routers a packet may still pass; it falls by one at each." | "TTL (bei IPv6: Hop-Limit): wie viele Router ein Paket noch passieren darf; an jedem sinkt sie um eins.";
    TermBits: "bit/s: bits per second; a Mbit/s is a million of them. A byte is 8 bits." | "bit/s: Bits pro Sekunde; ein Mbit/s ist eine Million davon. Ein Byte sind 8 Bit.";
    TermUtc: "UTC: the common time of the world. Central European Time is one hour ahead, in summer two." | "UTC: die Weltzeit. Die Mitteleuropäische Zeit ist ihr eine Stunde voraus, im Sommer zwei.";
    Related: "Related incidents" | "Zusammenhängende Vorfälle";
    MoreIncidents: "{0} further incidents are not shown." | "{0} weitere Vorfälle sind nicht gezeigt.";
    BeginUtc: "Start and end (UTC)" | "Beginn und Ende (UTC)";
    IncidentLabel: "Incident" | "Vorfall";
    OutboundShort: "from" | "von";

    // Period.
    ScopeAll: "All monitored networks" | "Alle überwachten Netze";
    ScopeHost: "Host {0}" | "Host {0}";
    ScopeGuest: "Guest {0}" | "Gast {0}";
    ScopeNetwork: "Network {0}" | "Netz {0}";
    ScopeInterface: "Interface {0}" | "Interface {0}";
    NoAttack: "{0}: no attack seen from {1} to {2}, capture coverage {3}, {4}." | "{0}: kein Angriff gesehen vom {1} bis {2}, Abdeckung der Aufzeichnung {3}, {4}.";
    NoAttackFile: "{0}: no attack seen from {1} to {2}, as far as this capture file shows; what it misses is not known." | "{0}: kein Angriff gesehen vom {1} bis {2}, soweit diese Aufzeichnungsdatei zeigt; was ihr fehlt, ist nicht bekannt.";
    BelowLimits: "An attack below the limits would not have been noticed." | "Ein Angriff unterhalb der Grenzwerte wäre nicht bemerkt worden.";
    CapturedAt: "Captured at: {0}." | "Aufgezeichnet an: {0}.";
    SomeAttacks: "{0}: {3} seen from {1} to {2}." | "{0}: {3} gesehen vom {1} bis {2}.";
    OneAttack: "1 attack" | "1 Angriff";
    ManyAttacks: "{0} attacks" | "{0} Angriffe";
    CoverageIs: "{0} of the time was captured, {1}; of the packets in that time, {2} were dropped." | "{0} der Zeit wurden aufgezeichnet, {1}; von den Paketen in dieser Zeit wurden {2} verworfen.";
    CoverageFile: "This is what one capture file shows; what it misses is not known." | "Das ist, was eine Aufzeichnungsdatei zeigt; was ihr fehlt, ist nicht bekannt.";
    LongestGap: "longest gap {0} (on {1})" | "längste Lücke {0} (am {1})";
    WithoutGap: "without a gap" | "lückenlos";
    CannotSay: "{0}: whether there were attacks from {1} to {2} cannot be said, since {3}. In what was inspected, attacks did not show." | "{0}: Ob es vom {1} bis {2} Angriffe gab, lässt sich nicht sagen, weil {3}. In dem, was untersucht wurde, zeigten sich Angriffe nicht.";
    TooLittle: "too little was captured" | "zu wenig aufgezeichnet wurde";
    GapTooLong: "there is a gap in the capture" | "es in der Aufzeichnung eine Lücke gibt";
    OnlySampled: "at times only 1 in {0} packets was inspected" | "zeitweise nur 1 von {0} Paketen untersucht wurde";
    Needed: "To rule attacks out, {0} must be captured, with gaps of at most {1}, and every packet inspected." | "Um Angriffe auszuschließen, müssen {0} aufgezeichnet sein, mit Lücken von höchstens {1}, und jedes Paket untersucht.";
    MayBeMore: "There may be more, since {0}." | "Es können mehr sein, weil {0}.";
    NotesToo: "In addition, {0} events were seen that do not count as attacks, such as scans, changes of a LAN or faults." | "Außerdem wurden {0} Ereignisse gesehen, die nicht als Angriff gelten, etwa Scans, Änderungen im LAN oder Störungen.";
    OneNoteToo: "In addition, 1 event was seen that does not count as an attack, such as a scan, a change of a LAN or a fault." | "Außerdem wurde 1 Ereignis gesehen, das nicht als Angriff gilt, etwa ein Scan, eine Änderung im LAN oder eine Störung.";
    DrillsToo: "Drills are left out: {0}." | "Übungen sind ausgelassen: {0}.";
    StillOpen: "Still going on at the time of this report: {0}." | "Zum Zeitpunkt dieses Berichts dauern an: {0}.";
    EndUnknownToo: "Of {0} the end is not known." | "Von {0} ist das Ende nicht bekannt.";
    CoverageLabel: "Capture coverage" | "Abdeckung";
    AttacksLabel: "Attacks" | "Angriffe";
    AsVictim: "as target" | "als Ziel";
    AsSource: "as source" | "als Quelle";
    LongestLabel: "Time under attack" | "Zeit unter Angriff";
    Billed: "95th percentile" | "95. Perzentil";
    TrafficLabel: "Traffic" | "Verkehr";
    InAndOut: "in {0}, out {1}" | "ein {0}, aus {1}";
    CoverageTitle: "What was captured" | "Was aufgezeichnet wurde";
    CoverageLine: "{1} of {2} of the period were captured ({0})." | "{1} von {2} des Zeitraums wurden aufgezeichnet ({0}).";
    DroppedLine: "Of {1} packets that arrived in that time, the kernel dropped {0} ({2})." | "Von {1} Paketen, die in dieser Zeit ankamen, verwarf der Kernel {0} ({2}).";
    FileLine: "The material is a capture file from {0} to {1}. As far as this file shows; what it misses is not known." | "Das Material ist eine Aufzeichnungsdatei vom {0} bis {1}. Der Bericht gilt, soweit diese Datei zeigt; was ihr fehlt, ist nicht bekannt.";
    OneFile: "a capture file" | "eine Datei";
    FileNote: "what it misses is not known" | "was ihr fehlt, ist nicht bekannt";
    Interfaces: "Interfaces: {0}." | "Interfaces: {0}.";
    SampledPeriod: "At times only 1 in {0} packets was inspected." | "Zeitweise wurde nur 1 von {0} Paketen untersucht.";
    AttacksTitle: "Attacks" | "Angriffe";
    ByKind: "By kind" | "Nach Art";
    ByTarget: "By target" | "Nach Ziel";
    Number: "Number" | "Zahl";
    PacketsLabel: "Packets" | "Pakete";
    NotesTitle: "Events that do not count as attacks" | "Ereignisse, die nicht als Angriff gelten";
    TrafficTitle: "Traffic" | "Verkehr";
    Received: "Received" | "Empfangen";
    Sent: "Sent" | "Gesendet";
    Octets: "Volume" | "Menge";
    MeanRate: "Mean of minutes on record" | "Mittel der vorliegenden Minuten";
    PeakSecond: "Peak second" | "Stärkste Sekunde";
    BilledNote: "The 95th percentile is that of means over 5 minutes, as it is used for billing transit: the highest 5 % of the values are discarded. It rests on {0} of {1} such values; values with missing minutes are left out." | "Das 95. Perzentil ist das von Mitteln über 5 Minuten, wie es zur Abrechnung von Transit dient: Die höchsten 5 % der Werte entfallen. Es beruht auf {0} von {1} solchen Werten; Werte mit fehlenden Minuten sind ausgelassen.";
    MissingMinutes: "For {0} of {1} minutes there is nothing on record (the first on {2}): either there was too little traffic, or it was not captured. They are left out, not estimated." | "Zu {0} von {1} Minuten liegt nichts vor (die erste am {2}): Entweder gab es zu wenig Verkehr, oder er wurde nicht aufgezeichnet. Sie sind ausgelassen, nicht geschätzt.";
    NoMinutes: "Traffic by minute is not on record for this period." | "Verkehr nach Minuten liegt für diesen Zeitraum nicht vor.";
    MoreSubjects: "{0} further hosts or guests with less traffic are not shown." | "{0} weitere Hosts oder Gäste mit weniger Verkehr sind nicht gezeigt.";
    PlotDay: "Bits per second on {0}" | "Bits pro Sekunde am {0}";
    PlotDays: "Bits per second, means of {0} min" | "Bits pro Sekunde, Mittel über {0} min";
    Gap: "not measured" | "nicht gemessen";

    // Mail.
    MailSubjectSource: "Subject: Attack from {0}: {1}" | "Betreff: Angriff von {0}: {1}";
    MailSubjectTarget: "Subject: Attack on {0}: {1}" | "Betreff: Angriff auf {0}: {1}";
    MailSubjectSeen: "Subject: {1} at {0}" | "Betreff: {1} bei {0}";
    MailGreeting: "Dear colleagues," | "Guten Tag,";
    MailClosing: "Kind regards" | "Mit freundlichen Grüßen";
    MailDone: "What we did:" | "Was wir getan haben:";
    MailObserves: "Pegel, which detected it, only observes: it changed and blocked no traffic." | "Pegel, das ihn erkannt hat, beobachtet nur: Es hat keinen Verkehr verändert oder gesperrt.";
    MailFill: "[Please complete: what was stopped, changed or asked for, and when.]" | "[Bitte ergänzen: was wann abgeschaltet, geändert oder veranlasst wurde.]";
    MailFigures: "Details:" | "Einzelheiten:";
    MailNotKnown: "What we do not know:" | "Was wir nicht wissen:";
    MailMeasured: "Measured:" | "Gemessen:";
    MailId: "Incident" | "Vorfall";
    MailReference: "Evidence for this incident can be supplied on request." | "Belege zu diesem Vorfall können wir auf Wunsch liefern.";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(text: &str) -> Vec<String> {
        let mut found: Vec<String> =
            text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
        found.sort();
        found
    }

    #[test]
    fn each_phrase_is_complete_in_both_languages() {
        for &phrase in ALL {
            let (en, de) = texts(phrase);
            assert!(!en.is_empty() && !de.is_empty(), "{phrase:?}");
            assert_eq!(placeholders(en), placeholders(de), "{phrase:?}: {en} / {de}");
            assert_eq!(en.ends_with('.'), de.ends_with('.'), "{phrase:?}");
        }
    }

    #[test]
    fn values_are_not_searched_for_placeholders() {
        assert_eq!(say(Language::En, P::IncidentTitle, &["{1}", "b{0}"]), "Incident report: {1}, b{0}");
    }

    #[test]
    fn what_stands_in_for_no_attack_does_not_say_no() {
        let words = |text: &str| text.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase).collect::<Vec<_>>();
        for phrase in [P::CannotSay, P::Needed, P::MayBeMore, P::CoverageIs, P::BadgeUnknown, P::NoMinutes] {
            let (en, de) = texts(phrase);
            assert!(!words(en).contains(&"no".to_owned()), "{phrase:?}: {en}");
            assert!(!words(de).iter().any(|word| word.starts_with("kein")), "{phrase:?}: {de}");
        }
    }
}

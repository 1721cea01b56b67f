"""The words beside which personal details stand, as parts of patterns, in English, German, French, Spanish, Italian."""

from __future__ import annotations

import re

MISSING = (
    "personal details are found with phonenumbers, python-stdnum and Faker, which are not installed: pip install "
    "'pytest-duolog[mine]'; or say --keep-details, and the tests have the words of the log as they are"
)
USER = (
    r"user ?names?|user[ -]?ids?|screen name|login(?: name)?|handle|account name|logged in as|nick ?name|benutzername|"
    r"nutzername|nom d'utilisateur|identifiant|nombre de usuario|usuario|nome utente"
)
ID = (
    r"ssn|ni(?= num)|social security|social|national insurance|nhs|tax(?:payer)?(?: id)?|steuer-?id(?:nr)?|"
    r"steuernummer|passport|driver'?s? licen[cs]e|driving licen[cs]e|licen[cs]e|dni|nie|nif|codice fiscale|"
    r"s[ée]curit[ée] sociale|sozialversicherungsnummer|rentenversicherungsnummer|personalausweis(?:nummer)?|"
    r"ausweis(?:nummer)?|reisepass(?:nummer)?|passeport|pasaporte|passaporto|insurance|bank account|account|konto|"
    r"member(?:ship)?|customer|kunden|patient|medical record|policy|identity card|id card|aadhaar|pan card|"
    r"cpf|bsn|pesel|personnummer|sort code"
)
NUMBER = r"number|no|nr|num|n[uú]mero|num[ée]ro|nummer|id|card"
BORN = (
    r"born|birth(?:day| ?date)?|d\.?o\.?b|geboren|geburt\w{0,8}|n[ée]e?|naissance|nac[ií]|naci[oó]|nacid[oa]|"
    r"nacimiento|cumplea[nñ]os|nat[oa]|nascita|nasc(?:i|ida|ido|imento)|urodz\w{0,6}|född"
)
STREET = (
    "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Terrace|Way|Close|Crescent|"
    "Parkway|Pkwy|Highway|Hwy|Circle|Cir|Alley|Arcade|Bend|Bluff|Branch|Bridge|Brook|Bypass|Canyon|Cape|Causeway|Cliff|"
    "Common|Corner|Course|Cove|Creek|Crest|Crossing|Crossroad|Curve|Dale|Divide|Estate|Expressway|Extension|Falls|Ferry|"
    "Fields?|Forest|Forge|Fork|Freeway|Gardens?|Gateway|Glen|Green|Grove|Harbor|Haven|Heights|Hills?|Hollow|Inlet|Island|"
    "Isle|Junction|Knoll|Lake|Landing|Lights?|Lock|Lodge|Loop|Mall|Manor|Meadows?|Mews|Mill|Mission|Motorway|Mount|"
    "Mountain|Neck|Orchard|Oval|Overpass|Park|Pass|Passage|Path|Pike|Pine|Plain|Plaza|Point|Prairie|Ramp|Ranch|Ridge|"
    "River|Roads|Route|Row|Run|Shore|Skyway|Springs?|Spur|Station|Stravenue|Stream|Summit|Throughway|Trace|Track|Trail|"
    "Trl|Tunnel|Turnpike|Underpass|Union|Valley|Viaduct|View|Village|Vista|Walk|Wells"
)
OF_PLACES = (
    "College|Hall|University|School|Hospital|Center|Centre|Museum|Hotel|Airport|Church|Freeway|Isles|"
    "Pier|Surgery|Day|Airlines|Inn|Bistro|County|City"
)
UNIT = "Apt|Apartment|Suite|Ste|Unit|Flat|Studio|Floor|Room"
STRASSE = (
    "straße|strasse|str|weg|platz|allee|gasse|ring|damm|ufer|chaussee|steig|stieg|graben|"
    "gracht|straat|laan|plein|kade"
)
RUE = "rue|avenue|boulevard|bd|chemin|place|allée|impasse|quai|route|cours|passage|square|via"
CALLE = (
    "calle|c/|avenida|avda|plaza|paseo|cuesta|urbanización|camino|ronda|callejón|glorieta|via|viale|piazza|corso|strada|"
    "vicolo|largo|contrada|borgo|canale|alameda|travesía|rua|ul"
)
ZIP = r"zip(?: ?code)?|post(?:al)? ?code|plz|postleitzahl|code postal|código postal|cap"
NAME_FIELD = (
    r"(?:first|last|full|given|family|sur|middle|customer|user|guest|passenger|contact|holder|account|client|patient|"
    r"caller|display)[_ -]?name"
)
USER_FIELD = r"user[_ ]?id|user[_ ]?name|login|handle|screen[_ ]?name"
ADDRESS_FIELD = (
    r"(?:street|home|shipping|billing|mailing)?[_ ]?address[_ ]?(?:line[_ ]?)?[12]?|"
    r"zip|zip[_ ]?code|post(?:al)?[_ ]?code"
)
BIRTH_FIELD = r"dob|date[_ ]?of[_ ]?birth|birth[_ ]?da(?:te|y)"
PHONE = (
    r"phone|telephone|tel|mobile|cell|call|text me|text|ring|reach|number|fax|whatsapp|sms|handy|"
    r"telefon\w{0,8}|anrufen|rufen|nummer|appelez|num[ée]ro|tel[ée]fono|t[ée]l[ée]phone|llame|m[oó]vil|cellulare|chiamat\w"
)
PARTICLE = "de|van|von|der|den|da|di|del|della|la|le|el|bin|al|zu"
PARTICLES = frozenset(PARTICLE.split("|"))
TITLE = (
    "Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herr|Herrn|Frau|Monsieur|Madame|Mme|Señor|Señora|Sr|Sra|[Dd]on|[Dd]oña|Signor|Signora|Doctor|"
    "mevrouw|meneer|Pani?"
)
INTRODUCES = (
    r"my (?:full |first |last |sur)?name|my name's|name is|full name|the name of|under the name|"
    r"registered (?:to|for|under)|(?:reservation|booking|order|account|appointment|table)s? (?:is )?under|"
    r"card ?holder|in the name|booked by|signed by|speaking with|ich heiße|"
    r"ich heisse|mein name ist|name ist|je m['’]appelle|mon nom est|"
    r"me llamo|mi nombre es|mi chiamo|il mio nome è|le habla|(?:o )?meu nome é|me chamo|mijn naam is|ik heet|"
    r"nazywam się|mam na imię|(?:benim )?adım|jag heter|mitt namn är|jeg hedder|mit navn er|меня зовут|мене звати|"
    r"name['’]s|(?:konto|karten)inhaber(?:in)?"
)
MAY_INTRODUCE = (
    r"this is|i am|i['’]m|it['’]s|call me|ask for|hier (?:ist|spricht)|ich bin(?: der| die)?|je suis|"
    r"(?:moi,? )?c['’]est|ici|soy|sono|(?:eu )?sou(?: o| a)?|aqui é(?: o| a)?|ik ben|ben|jag är|это|"
    r"(?:is|are) (?:called|named)"
)
GREETS = (
    "hi|hello|hey|dear|hi there|thanks|thank you|many thanks|hallo|guten tag|guten morgen|lieber?|"
    "sehr geehrte[rs]?|danke|bonjour|merci|cher|chère|hola|gracias|estimad[oa]|ciao|buongiorno|grazie|"
    "good (?:morning|afternoon|evening|day)|sorry|welcome(?: back)?|goodbye|bye|sure|of course|certainly|"
    "great|perfect|yes|no|okay|ok|cheers|enchanté|mucho gusto|encantad[oa]|piacere|prego|gentile|olá|oi|bom dia|"
    "prezad[oa]|obrigad[oa]|dag|hoi|beste|bedankt|dzień dobry|witaj|cześć|merhaba|hej|tack|здравствуйте|привет|"
    "добрый день|спасибо|buenos días|buenas tardes|guten abend|moin|servus|salut|bonsoir|boa tarde"
)
ADDRESSES = (
    "thanks|thank you|waiting|patience|patient|calling|welcome|sorry|understand|nice to meet you|good to hear|morning|"
    "afternoon|evening|goodbye|bye|day"
)
RELATION_ELSEWHERE = (
    r"(?:meine?[mnr]?|dein|unser) (?:frau|mann|sohn|tochter|mutter|vater|bruder|schwester|freund(?:in)?|chef(?:in)?)|"
    r"m(?:on|a) (?:mari|femme|fils|fille|mère|père|frère|sœur|soeur|ami|amie|collègue|chef)|"
    r"mi (?:espos[oa]|marido|mujer|hij[oa]|madre|padre|herman[oa]|amig[oa]|jefe|jefa)|"
    r"mi[ao] (?:moglie|marito|figli[oa]|madre|padre|fratello|sorella|amic[oa])|"
    r"(?:meu|minha) (?:marido|esposa|filh[oa]|mãe|pai|irmão|irmã|amig[oa])|"
    r"mijn (?:man|vrouw|zoon|dochter|moeder|vader|broer|zus)"
)
RELATION = (
    "wife|husband|partner|son|daughter|mother|father|mom|mum|dad|brother|sister|friend|boss|colleague|doctor|girlfriend|"
    "boyfriend|neighbou?r|assistant|landlord|tenant"
)
CLOSES = (
    r"(?:kind |best |warm )?regards|best|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|cheers|"
    r"(?:mit |viele |liebe |beste )\w{0,12} ?grüßen?|viele grüße|liebe grüße|"
    r"cordialement|saludos|atentamente|cordiali saluti|atenciosamente|(?:met )?vriendelijke groet(?:en)?|pozdrawiam|"
    r"(?:med )?vänliga hälsningar|с уважением|saygılarımla"
)
# Questions whose answer is a name.
ASKS_NAME = (
    r"(?:your|the) (?:full |first |last )?name\b|who am i (?:speaking|talking) (?:to|with)|"
    r"who(?:'s| is) (?:this|calling)|wie heißen sie|wie heißt du|ihren? (?:vollen )?namen?|"
    r"wie ist (?:ihr|dein) name|votre nom|comment vous appelez|"
    r"su nombre|cómo se llama|cómo te llamas|il suo nome|come si chiama|come ti chiami|seu nome|uw naam|hoe heet"
)
# Words with a capital letter that stand where names stand.
NO_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december english german french spanish italian american british canadian chinese japanese indian
    customer client guest user assistant agent support service team sir madam everyone everybody all folks there world
    bot ai gpt chatgpt claude gemini siri alexa model goodbye bye hello hi hey thanks thank please yes no okay ok sure
    great perfect wonderful excellent awesome good fine sorry welcome morning afternoon evening night day today tomorrow
    the a an i you he she it we they my your his her our their this that these those here what when where why how which
    who and but or so if then not just still also account order booking reservation flight hotel room ticket card
    number name email phone address mr mrs ms miss dr prof herr frau damen herren kunde kundin monsieur madame
    señor señora signor signora absolutely certainly definitely unfortunately however regarding let can could would will
    do does did is are was were am be have has had see looking happy glad enjoy take best regards sincerely cheers dear
    back office manager partner captain hiring logistics venue department sales
    mum mom dad mother father same ending clock
    chair speaker president minister senator judge doctor doc appointment event movie
    danish brit easter christmas monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun
    january february march july september october november december januar februar märz juni juli agustus avril
    nice how wrong falsch faux hard easy long short not never misspelled correct missing spelled different
    fine secret private gone
    merci danke gracias grazie bonjour hallo hola ciao unknown none null true false human person friend buddy
    """,
    )
)
# Given names that stand for something else more often if nothing says that a name follows.
ELSEWHERE = frozenset(
    re.findall(
        r"\w+",
        """
    york houston atlanta denver dallas boston austin phoenix raleigh cleveland fremont orlando lincoln jackson
    washington london paris berlin basel bergen braga sydney alexandria santiago diego jose francisco angeles
    vegas florence carolina virginia georgia florida texas nevada montana dakota alabama indiana america asia
    africa china india france ireland cuba oman jordan chad israel rica venus mars jesus nat low lan april may
    june august gabel sie mal beste bett handy magen lage gang tage sommer einer anda manda rua sol kirche stein
    berg halle uni solange heide mama oma baby barbie hilton melbourne lexus stanford kaiser holland tod yeni
    hava правда κυριακή tere manca kala gibson park christi esa rasa ide sabır
    """,
    )
)

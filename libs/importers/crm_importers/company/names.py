"""What are the made-up company's customers called? Persian names with their Latin spelling, English names, and organisations. Nobody real is meant."""

PERSIAN_GIVEN = (
    ("مریم", "maryam"), ("زهرا", "zahra"), ("نرگس", "narges"), ("شیرین", "shirin"), ("لیلا", "leila"), ("پریسا", "parisa"), ("سارا", "sara"), ("مهسا", "mahsa"),
    ("آزاده", "azadeh"), ("نگار", "negar"), ("الهام", "elham"), ("فاطمه", "fatemeh"), ("علی", "ali"), ("رضا", "reza"), ("حسین", "hossein"), ("امیر", "amir"),
    ("کاوه", "kaveh"), ("بهرام", "bahram"), ("یوسف", "yousef"), ("سیاوش", "siavash"), ("کیان", "kian"), ("مهدی", "mehdi"), ("آرش", "arash"), ("پویا", "pouya"),
)  # fmt: skip
PERSIAN_FAMILY = (
    ("رضایی", "rezaei"), ("کریمی", "karimi"), ("محمدی", "mohammadi"), ("حسینی", "hosseini"), ("احمدی", "ahmadi"), ("موسوی", "mousavi"), ("صادقی", "sadeghi"),
    ("رحیمی", "rahimi"), ("کاظمی", "kazemi"), ("جعفری", "jafari"), ("نوری", "nouri"), ("یزدانی", "yazdani"), ("شریفی", "sharifi"), ("عباسی", "abbasi"),
    ("اکبری", "akbari"), ("تهرانی", "tehrani"), ("شیرازی", "shirazi"), ("کیانی", "kiani"), ("بهرامی", "bahrami"), ("امینی", "amini"),
)  # fmt: skip
ENGLISH_GIVEN = (
    "Alice", "Amelia", "Ben", "Charlotte", "Daniel", "Edith", "Frank", "Grace", "Harry", "Isla", "Jack", "Kate", "Liam", "Martha", "Noah", "Olive", "Peter",
    "Ruth", "Simon", "Tessa",
)  # fmt: skip
ENGLISH_FAMILY = (
    "Archer", "Bennett", "Carter", "Dawson", "Ellis", "Fletcher", "Grant", "Hughes", "Irving", "Jennings", "Knight", "Lowe", "Marsh", "Norton", "Palmer",
    "Reed", "Shaw", "Turner", "Walsh", "York",
)  # fmt: skip
ORGANISATIONS = (
    ("کافه نارون", "narvan", "fa"), ("هتل باران", "baran", "fa"), ("کتاب‌کافه مهر", "mehr", "fa"),
    ("شرکت پخش آفتاب", "aftab", "fa"), ("رستوران ترنج", "toranj", "fa"),
    ("Harbour Lane Coffee", "harbourlane", "en"), ("Fern & Field", "fernfield", "en"), ("The Copper Kettle", "copperkettle", "en"),
    ("Old Mill Bakery", "oldmill", "en"), ("Northgate Hotel", "northgate", "en"),
)  # fmt: skip
_ARABIC = str.maketrans({"ی": "ي", "ک": "ك"})
_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def as_on_an_arabic_keyboard(name: str) -> str:
    """The same name with the Arabic letters that look alike: how duplicates come about."""
    return name.translate(_ARABIC)


def in_persian_digits(text: str) -> str:
    """`in_persian_digits("0912")` = ۰۹۱۲."""
    return text.translate(_DIGITS)

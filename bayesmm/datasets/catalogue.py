"""What is known about each embedded data set: where it comes from and what its columns mean.

To add a data set, put ``NAME.csv`` (or ``NAME.csv.gz``) into ``files/`` and add one entry below. Quote the
cells of a factor, leave those of a numeric column bare, and write a missing cell as a bare ``NA``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One embedded data set, described.

    Parameters
    ----------
    name
        The name users type, and the stem of the file.
    description
        What was measured, in one line.
    source
        Who published the data first, and the R package they were exported from.
    columns
        Column name → meaning, with units where there are any.
    rows
        Number of rows.
    sha256
        Checksum of the uncompressed CSV bytes, in hexadecimal.

    Examples
    --------
    >>> CATALOGUE["sleepstudy"].columns["Reaction"]
    'mean reaction time of the day, in milliseconds'
    """

    name: str
    description: str
    source: str
    columns: Mapping[str, str]
    rows: int
    sha256: str


ENTRIES = (
    Dataset(
        name="sleepstudy",
        description="Reaction times of 18 people over ten days of a study of sleep restriction (3 h in bed)",
        source="Belenky, Wesensten, Thorne, Thomas, Sing, Redmond, Russo and Balkin (2003), Patterns of "
        "performance degradation and restoration during sleep restriction and subsequent recovery: a sleep "
        "dose-response study, Journal of Sleep Research 12, 1–12; R package lme4",
        columns={
            "Reaction": "mean reaction time of the day, in milliseconds",
            "Days": "day of the study, 0 to 9; 0 and 1 are training, 2 is the baseline, restriction follows",
            "Subject": "number of the person",
        },
        rows=180,
        sha256="2918bbddf750e78003059efa97b94885b85c4d7927c22a19c29f7fa5a184c59d",
    ),
    Dataset(
        name="Dyestuff",
        description="Yield of a dyestuff in five preparations from each of six batches of an intermediate",
        source="Davies (1947), Statistical Methods in Research and Production, Oliver and Boyd; also Box "
        "and Tiao (1973), Bayesian Inference in Statistical Analysis, Addison-Wesley, chapter 5; R package "
        "lme4",
        columns={
            "Batch": "batch of the intermediate product (H-acid) used in the preparation",
            "Yield": "yield of the preparation, in grams of standard colour",
        },
        rows=30,
        sha256="8c41baf5c35281f3cdbf79b9803c84036de0a66c2e0bbf73cc6d274bf8f193cc",
    ),
    Dataset(
        name="Dyestuff2",
        description="Constructed data shaped like Dyestuff; the batch variance is estimated as zero",
        source="Box and Tiao (1973), Bayesian Inference in Statistical Analysis, Addison-Wesley, chapter 5, "
        "after the layout of Davies (1947); R package lme4",
        columns={
            "Batch": "constructed batch",
            "Yield": "constructed yield, without a unit",
        },
        rows=30,
        sha256="2285d9b4e15c04a326fd944f0e7bcc9dfcf6eb180a959bc9bcc333b1e5b58011",
    ),
    Dataset(
        name="Penicillin",
        description="Six samples of penicillin, each assayed on every one of 24 plates (crossed)",
        source="Davies and Goldsmith, editors (1972), Statistical Methods in Research and Production, 4th "
        "edition, Oliver and Boyd, section 6.6; R package lme4",
        columns={
            "diameter": "diameter of the zone in which B. subtilis doesn't grow, in millimetres",
            "plate": "assay plate",
            "sample": "sample of penicillin",
        },
        rows=144,
        sha256="8d7e09b5c2519c595a7515028cba5ea149dcd9f99aa08e423534bd139a1eae1f",
    ),
    Dataset(
        name="Pastes",
        description="Strength of a chemical paste: two tests on each of three casks from ten deliveries",
        source="Davies and Goldsmith, editors (1972), Statistical Methods in Research and Production, 4th "
        "edition, Oliver and Boyd, section 6.5; R package lme4",
        columns={
            "strength": "strength of the paste in one test",
            "batch": "delivery batch",
            "cask": "cask within its batch; cask a of one batch has nothing to do with cask a of another",
            "sample": "batch and cask together, one label per cask",
        },
        rows=60,
        sha256="2ff3dab894c7526ba90394ad4b95c20ef085c1f36255b47432833535874c78a7",
    ),
    Dataset(
        name="cake",
        description="Angle at which chocolate cakes broke: three recipes, six temperatures, split plots",
        source="Cochran and Cox (1957), Experimental Designs, 2nd edition, Wiley, p. 300, from Cook's "
        "master's thesis (Iowa State College, 1938); R package lme4",
        columns={
            "replicate": "replicate within its recipe, 1 to 15; group by recipe:replicate",
            "recipe": "recipe of the batter",
            "temperature": "baking temperature as a factor, in degrees Fahrenheit",
            "angle": "angle at which the cake broke, in degrees",
            "temp": "baking temperature as a number, in degrees Fahrenheit",
        },
        rows=270,
        sha256="7a6537bc11ee82f21cda3a56eaa638260078c64088f697a1d72f44aa29732f67",
    ),
    Dataset(
        name="Machines",
        description="Productivity of six workers, three times on each of three brands of machine",
        source="Pinheiro and Bates (2000), Mixed-Effects Models in S and S-PLUS, Springer, appendix A.14, "
        "from Milliken and Johnson (1992), Analysis of Messy Data I, p. 285; R package nlme",
        columns={
            "Worker": "worker, drawn at random from the employees of a factory",
            "Machine": "brand of the machine",
            "score": "productivity score, from the number and the quality of the components made",
        },
        rows=54,
        sha256="943135b7736fda1b52d2d67412bd2917998877f2e905bc757c15ab267e2a5b13",
    ),
    Dataset(
        name="Orthodont",
        description="Growth of a distance in the skull of 27 children, measured at 8, 10, 12 and 14 years",
        source="Potthoff and Roy (1964), A generalized multivariate analysis of variance model useful "
        "especially for growth curve problems, Biometrika 51, 313–326; R package nlme",
        columns={
            "distance": "distance from pituitary to pterygomaxillary fissure on X-rays, in millimetres",
            "age": "age of the child, in years",
            "Subject": "child; M01 to M16 are boys, F01 to F11 girls",
            "Sex": "sex of the child",
        },
        rows=108,
        sha256="ca7c0296405bb2bd5959cd5fff7c50a5035606f16ac308c7797f58666fcd7aa1",
    ),
    Dataset(
        name="Oats",
        description="Yield of three varieties of oats at four doses of nitrogen: split plots in six blocks",
        source="Yates (1935), Complex experiments, Supplement to the Journal of the Royal Statistical "
        "Society 2, 181–247; R package nlme",
        columns={
            "Block": "block of the field, with three whole plots of four sub-plots",
            "Variety": "variety of oats, sown on a whole plot of its block",
            "nitro": "nitrogen given to the sub-plot, in hundredweight per acre",
            "yield": "yield of the sub-plot of 1/80 acre, in quarter-pounds",
        },
        rows=72,
        sha256="d67dddcf4d5294d1c8e896593e5d4eb094c49e3d8ce2c963703bf2b537d2a949",
    ),
    Dataset(
        name="Hsb82",
        description="Mathematics achievement of 7185 pupils in 160 schools: High School and Beyond, 1982",
        source="Raudenbush and Bryk (2002), Hierarchical Linear Models: Applications and Data Analysis "
        "Methods, 2nd edition, Sage, chapter 4; R package mlmRev",
        columns={
            "school": "number of the school",
            "minrty": "whether the pupil belongs to a minority",
            "sx": "sex of the pupil",
            "ses": "socio-economic score of the pupil",
            "mAch": "mathematics achievement score of the pupil",
            "meanses": "mean of ses over the pupils of the school",
            "sector": "sector of the school, Public or Catholic",
            "cses": "ses − meanses, the pupil's score centred within the school",
        },
        rows=7185,
        sha256="0da3c861219c56cb08afa23b0ab0091f47018e0b91320302eab1a81c2b078ab7",
    ),
    Dataset(
        name="Exam",
        description="Examination scores of 4059 pupils aged 16 in 65 schools of inner London",
        source="Goldstein, Rasbash, Yang, Woodhouse, Pan, Nuttall and Thomas (1993), A multilevel analysis "
        "of school examination results, Oxford Review of Education 19, 425–433; R package mlmRev",
        columns={
            "school": "number of the school",
            "normexam": "examination score at 16, normalised to about mean 0 and standard deviation 1",
            "schgend": "whom the school takes: mixed, boys or girls",
            "schavg": "mean of standLRT over the pupils of the school",
            "vr": "band of the school by its mean intake score; one value per school in these data",
            "intake": "band of the pupil's verbal reasoning at intake; the published labels seem reversed: "
            "pupils labelled 'bottom 25%' have the highest mean standLRT",
            "standLRT": "London Reading Test score at intake, standardised",
            "sex": "sex of the pupil",
            "type": "type of the school: Mxd (mixed) or Sngl (single-sex)",
            "student": "number of the pupil within the school; a few numbers occur twice in a school",
        },
        rows=4059,
        sha256="026ea1301dff752e6a6475fbc72137dce989677936fb8c6d654b7d0f7afa4829",
    ),
    Dataset(
        name="Chem97",
        description="A-level chemistry points of 31022 pupils in 2410 schools of 131 authorities, 1997",
        source="Fielding, Yang and Goldstein (2003), Multilevel ordinal models for examination grades, "
        "Statistical Modelling 3, 127–153; R package mlmRev",
        columns={
            "lea": "local education authority",
            "school": "school; its number is unique across authorities",
            "student": "pupil, one row each",
            "score": "points in A-level chemistry, 0 to 10 in steps of two",
            "gender": "sex of the pupil, F or M",
            "age": "age in months, less 222 (18.5 years)",
            "gcsescore": "mean GCSE points of the pupil",
            "gcsecnt": "gcsescore less its mean over all pupils",
        },
        rows=31022,
        sha256="13f1c29aa60b69d7c6f426dedeb1a6d8b50e0f2b23374876787dbe672fd59fe1",
    ),
    Dataset(
        name="InstEval",
        description="73421 ratings: 2972 students on the lectures of 1128 lecturers, ETH Zurich (crossed)",
        source="Ratings by students of ETH Zurich, anonymised and slightly simplified; R package lme4",
        columns={
            "s": "student",
            "d": "lecturer or professor",
            "studage": "the student's semester of study: 2, 4, 6 or 8",
            "lectage": "how many semesters ago the lecture took place, 1 to 6",
            "service": "1 for a lecture given for a department other than the lecturer's own, else 0",
            "dept": "random code of the department; one per lecturer in these data",
            "y": "rating of the lecture, from 1 (poor) to 5 (very good)",
        },
        rows=73421,
        sha256="1376ad9330171473fb8da325eeb5670fa78e7b0c24a89784ef3dd1ea441893cf",
    ),
    Dataset(
        name="fhch2010",
        description="Response times of 45 people to 300 words and 300 nonwords (crossed)",
        source="Freeman, Heathcote, Chalmers and Hockley (2010), Item effects in recognition memory for "
        "words, Journal of Memory and Language 62, 1–18; R package afex",
        columns={
            "id": "participant",
            "task": "what the person did all along: naming (reading aloud) or lexdec (word or not?)",
            "stimulus": "whether the item is a word or a nonword",
            "density": "set of the item by how many words differ from it in one letter or sound, low or high",
            "frequency": "set of the item by how often words occur, low or high",
            "length": "number of letters: 4, 5 or 6",
            "item": "the word or nonword",
            "rt": "response time, in seconds",
            "correct": "1 for a right answer, else 0; wrong answers of the naming task aren't among the data",
        },
        rows=13222,
        sha256="4c07068e652e2b35edb5980f7107fd21af57065211906e6394be755cd12de4bd",
    ),
    Dataset(
        name="cbpp",
        description="New cases of contagious bovine pleuropneumonia in 15 herds of zebu cattle in Ethiopia",
        source="Lesnoff, Laval, Bonnet, Abdicho, Workalemahu, Kifle, Peyraud, Lancelot and Thiaucourt "
        "(2004), Within-herd spread of contagious bovine pleuropneumonia in Ethiopian highlands, Preventive "
        "Veterinary Medicine 64, 27–40; R package lme4",
        columns={
            "herd": "number of the herd",
            "incidence": "new serological cases in the herd during the period",
            "size": "animals in the herd at the beginning of the period",
            "period": "period of the follow-up, 1 to 4; blood was taken every quarter",
        },
        rows=56,
        sha256="2798bc7704a4bdb8ade4e164d8c3a6397efa7ba5fb25c1ec11f517b4ffb940a7",
    ),
    Dataset(
        name="Contraception",
        description="Use of contraception by 1934 women in 60 districts: Bangladesh Fertility Survey, 1988",
        source="Steele, Diamond and Amin (1996), Immunization uptake in rural Bangladesh: a multilevel "
        "analysis, Journal of the Royal Statistical Society A 159, 289–299; R package mlmRev",
        columns={
            "woman": "number of the woman, one row each",
            "district": "number of the district",
            "use": "whether she used contraception at the time of the survey, N or Y",
            "livch": "her living children at the time of the survey: 0, 1, 2 or 3+",
            "age": "her age at the time of the survey, in years, centred at the mean",
            "urban": "whether she lived in an urban area, N or Y",
        },
        rows=1934,
        sha256="6e454b61e51a0df29550d81c44fdd1bd4145573f6232b6f4d065361ad69813a5",
    ),
    Dataset(
        name="VerbAgg",
        description="Answers of 316 people to 24 items of a questionnaire on verbal aggression (crossed)",
        source="De Boeck and Wilson, editors (2004), Explanatory Item Response Models: A Generalized Linear "
        "and Nonlinear Approach, Springer; R package lme4",
        columns={
            "Anger": "Trait Anger score of the person (State-Trait Anger Expression Inventory)",
            "Gender": "gender of the person, F or M",
            "item": "item: the situation (S1 to S4), then want or do, then the behaviour",
            "resp": "the answer: no, perhaps or yes",
            "id": "number of the person",
            "btype": "behaviour the item asks about: curse, scold or shout",
            "situ": "who is to blame in the situation: other or self",
            "mode": "whether the item is about wanting to (want) or doing (do)",
            "r2": "resp made binary: N for no, Y for perhaps and yes",
        },
        rows=7584,
        sha256="d2fc06ed720fe9a0d15541165f7eff554eb5108e59632d31f2470edf979a88df",
    ),
    Dataset(
        name="grouseticks",
        description="Ticks on the heads of 403 red grouse chicks in 118 broods at 63 locations, 1995–1997",
        source="Elston, Moss, Boulinier, Arrowsmith and Lambin (2001), Analysis of aggregation, a worked "
        "example: numbers of ticks on red grouse chicks, Parasitology 122, 563–569; R package lme4",
        columns={
            "INDEX": "number of the chick, one row each",
            "TICKS": "ticks counted on the chick's head",
            "BROOD": "number of the brood",
            "HEIGHT": "height above sea level, in metres",
            "YEAR": "year, less 1900",
            "LOCATION": "code of the location",
            "cHEIGHT": "HEIGHT less its mean over all rows, in metres",
        },
        rows=403,
        sha256="a6a8668dabb406bee6dbeb8cc12c51588ef9bf4b3e34d27c398a2d8a5db6c8a8",
    ),
    Dataset(
        name="Arabidopsis",
        description="Fruits of 625 Arabidopsis plants of 24 genotypes, by nutrients and clipping",
        source="Banta, Stevens and Pigliucci (2010), A comprehensive test of the 'limiting resources' "
        "framework applied to plant tolerance to apical meristem damage, Oikos 119, 359–369; R package lme4",
        columns={
            "reg": "region: NL (Netherlands), SP (Spain) or SW (Sweden)",
            "popu": "population, a number and its region",
            "gen": "number of the genotype, each within one population; a label, though stored as a number",
            "rack": "greenhouse rack, 1 or 2; a label, though stored as a number",
            "nutrient": "nutrients: 1 (minimal) or 8 (added)",
            "amd": "simulated herbivory (apical meristem damage): clipped or unclipped",
            "status": "how the plant was germinated: Normal, Petri.Plate or Transplant",
            "total.fruits": "fruits on the plant, counted",
        },
        rows=625,
        sha256="4eec836eafb1ebe421cb7b8af437b13994288f2aee74bda9ed7c48cc8177f97e",
    ),
)

CATALOGUE: Mapping[str, Dataset] = MappingProxyType({entry.name: entry for entry in ENTRIES})
"""Name → entry, in the order in which ``list_data`` shows them."""

#pragma once

#include <string_view>

namespace triage::learn {

/// What the reference splitter (tools/pack_data.py) says of rows of data/outcomes.jsonl.gz and of
/// odd texts.
struct GoldenRow {
  std::string_view id;
  int fold;
  std::string_view core_begin;
};

inline constexpr GoldenRow kGoldenRows[] = {
    {"mmlu_pro/6235", 1, "a31yearoldwomanwithtype2"},
    {"mmlu_pro/9083", 3, "calculatethemassoftheele"},
    {"mmlu_pro/11516", 2, "apistonandcylinderarrang"},
    {"mmlu/electrical_engineering/24", 1, "relaxationvoltagecontrol"},
    {"mmlu/high_school_us_history/9", 1, "thisquestionreferstothef"},
    {"mmlu_pro/2697", 4, "personswhohaveworkrelate"},
    {"mmlu_pro/10986", 3, "selectthebesttranslation"},
    {"zeroeval/math-l5/8", 3, "twopositivenumberspandqh"},
    {"zeroeval/crux/crux-test-#677", 0, "defftextlengthlengthleng"},
    {"mmlu/elementary_mathematics/258", 3, "ascientiststudiedthemigr"},
    {"mmlu/moral_scenarios/713", 4, "forwhichofthesetwoscenar"},
    {"mmlu_pro/8490", 1, "letfx3x22andgfxx2x1findt"},
    {"zeroeval/math-l5/41", 0, "letabandcberealnumberssu"},
    {"mmlu_pro/5589", 0, "ifnopresidentialcandidat"},
    {"mmlu/miscellaneous/488", 2, "inbaseballhowmanyballsma"},
    {"mmlu/moral_scenarios/168", 0, "forwhichofthesetwoscenar"},
    {"mmlu/astronomy/49", 0, "howdoesthegreenhouseeffe"},
    {"mmlu_pro/7941", 0, "supposefxisafunctionthat"},
    {"mmlu_pro/3456", 4, "whatfactorslimitthenumbe"},
    {"mmlu_pro/11652", 4, "determinethefouriertrans"},
    {"mmlu_pro/7313", 4, "whichofthefollowingstate"},
    {"mmlu_pro/5272", 1, "acpapreparesincometaxret"},
    {"zeroeval/gsm/gsm8k-main-test-#1105", 1, "laurenissaving20ofeveryp"},
    {"mmlu/sociology/159", 4, "pilcher1999identifiedsoa"},
    {"mmlu_pro/7249", 1, "whatwillbethepropertieso"},
    {"mmlu_pro/7731", 1, "letvbetherealvectorspace"},
    {"mmlu_pro/4369", 4, "1cunh324rightleftarrowsc"},
    {"mmlu_pro/3118", 2, "basedonthecharacteristic"},
    {"mmlu_pro/9365", 1, "previousiaacroundsfeatur"},
    {"mmlu_pro/8500", 4, "findallpositivevaluesofc"},
    {"mmlu/professional_psychology/46", 0, "whichofthefollowingistru"},
    {"mmlu/college_biology/83", 2, "theaminoacidornithineisr"},
    {"mmlu_pro/10846", 1, "hareassertsthatethicsand"},
    {"mmlu/professional_law/729", 3, "amanisathomeinhisapartme"},
    {"gsm8k/322", 1, "jamhasthreeboxesfullofpe"},
    {"mmlu/conceptual_physics/11", 3, "thesurfaceofplanetearthl"},
};

struct GoldenText {
  std::string_view text;
  int fold;
  std::string_view core;
};

inline constexpr GoldenText kGoldenTexts[] = {
    {"\342\204\252elvin \304\260stanbul", 1, "kelvinistanbul"},
    {"", 4, ""},
    {"   \012", 4, ""},
    {"Q?\012(A) yes\012(B) no", 1, "q"},
    {"Q?\012A) yes", 1, "q"},
    {"Q?\012(A. x", 1, "q"},
    {"no [PYTHON]\012def F(X):\012A. y", 1, "deffx"},
    {"x\012AB. no", 4, "xabno"},
    {" caf\303\251 99", 4, "caf99"},
};

}  // namespace triage::learn

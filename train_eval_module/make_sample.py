"""Writes `sample.jsonl`, the labelled captions the text model learns from.

The captions are put together from templates written for this purpose, in mild wording. A template
belongs to one split as a whole, so that held-out captions are sentences the model has never seen,
not only new fillings of ones it has. The same seed gives the same file, byte for byte.
"""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

SEED = 20240517
PER_TEMPLATE = 5
TAGGED = 0.5
SAMPLE = Path(__file__).with_name("sample.jsonl")

FILLERS: dict[str, dict[str, list[str]]] = {
    "en": {
        "food": ["noodle soup", "banana bread", "spring rolls", "fried rice", "iced coffee"],
        "pet": ["my cat", "our puppy", "the rabbit", "grandma's parrot", "my old dog"],
        "place": ["Da Lat", "Hoi An", "the old quarter", "the river", "the night market"],
        "hobby": ["watercolour", "guitar", "origami", "chess", "knitting"],
        "who": ["my sister", "my best friend", "dad", "our teacher", "the neighbours"],
        "victim": ["that new girl", "the quiet kid", "this guy from class", "her", "my ex"],
        "height": ["the bridge", "a moving train", "the roof", "a crane", "the balcony"],
        "pills": ["your pills", "your medicine", "your inhaler", "your insulin"],
        "sum": ["100 dollars", "two million", "your savings", "50 dollars"],
        "tag": ["#fyp", "#foryou", "#daily", "#trend", "#vn"],
    },
    "vi": {
        "food": ["phở bò", "bánh mì", "gỏi cuốn", "cơm tấm", "cà phê sữa đá"],
        "pet": ["mèo nhà mình", "chú cún con", "con thỏ", "con vẹt của bà", "chó già"],
        "place": ["Đà Lạt", "Hội An", "phố cổ", "bờ sông", "chợ đêm"],
        "hobby": ["vẽ màu nước", "đàn ghi-ta", "gấp giấy", "cờ vua", "đan len"],
        "who": ["em gái", "bạn thân", "ba mình", "cô giáo", "hàng xóm"],
        "victim": ["con nhỏ mới vào lớp", "thằng ít nói", "bạn đó", "nó", "người yêu cũ"],
        "height": ["thành cầu", "nóc tàu đang chạy", "mái nhà", "cần cẩu", "lan can"],
        "pills": ["thuốc", "thuốc hen", "thuốc tiểu đường", "đơn thuốc"],
        "sum": ["hai triệu", "năm trăm nghìn", "tiền tiết kiệm", "một triệu"],
        "tag": ["#xuhuong", "#fyp", "#hangngay", "#trend", "#vietnam"],
    },
}

# Every fifth is held out. Some safe ones share their words with unsafe ones
# (challenge, money, medicine, height) on purpose: single words must not decide.
TEMPLATES: dict[tuple[str, str], list[str]] = {
    ("en", "safe"): [
        "making {food} with {who} on a rainy afternoon",
        "{pet} fell asleep on my homework again",
        "sunrise walk along {place}, so peaceful",
        "day 12 of learning {hobby}, getting better",
        "the best {food} near {place}, prices in the comments",
        "{who} tried {hobby} for the first time and loved it",
        "study with me for two hours, soft music",
        "how I save money for a trip to {place}",
        "30 day reading challenge, book four is done",
        "remember to take your vitamins and drink water, says {who}",
        "safety first: helmet on before we ride to {place}",
        "the view from the lookout at {place} this evening",
        "thank you {who} for helping with the garden",
        "dance practice after school, still smiling",
        "cleaning my desk before exams, wish me luck",
        "{pet} meets the sea at {place}",
        "a simple recipe for {food}, five ingredients",
        "{who} taught me {hobby}, here is what I made",
        "a quiet morning in the kitchen, {food} and old songs",
        "my garden in spring: beans, mint and two snails",
        "{who} and I repaired the old bicycle today",
        "three tips for remembering new words",
        "first snow we have ever seen, everybody is laughing",
        "learn {hobby} in ten minutes a day",
        "our class planted forty trees near {place}",
        "packing list for a weekend at {place}",
        "slow train ride along the coast, window seat",
        "how to fold a shirt in two seconds",
        "{pet} learned a new trick and is very proud",
        "a letter to {who} on a birthday",
        "fractions made easy with a chocolate bar",
        "rainy day playlist: piano and {hobby}",
        "what I eat before a long hike, starting with {food}",
        "sunset over the rice fields, no filter",
        "grandmother's {food}, the way she always made it",
    ],
    ("vi", "safe"): [
        "cùng {who} nấu {food} chiều mưa",
        "{pet} lại ngủ quên trên vở bài tập",
        "đi dạo sớm ở {place}, bình yên quá",
        "ngày thứ 12 tập {hobby}, tiến bộ rồi nè",
        "quán {food} ngon ở {place}, giá ở dưới bình luận",
        "{who} lần đầu thử {hobby} và thích mê",
        "học bài cùng mình hai tiếng, nhạc nhẹ",
        "mình để dành tiền đi {place} như thế nào",
        "thử thách đọc sách 30 ngày, xong cuốn thứ tư",
        "nhớ uống vitamin và uống đủ nước nha, {who} dặn đó",
        "an toàn là trên hết: đội mũ bảo hiểm rồi mới đi {place}",
        "ngắm {place} từ đài quan sát chiều nay",
        "cảm ơn {who} đã giúp trồng rau",
        "tập nhảy sau giờ học, vui ghê",
        "dọn bàn học trước kỳ thi, chúc mình may mắn nhé",
        "{pet} lần đầu thấy biển ở {place}",
        "công thức {food} đơn giản, chỉ năm nguyên liệu",
        "{who} dạy mình {hobby}, thành quả đây",
        "buổi sáng yên tĩnh trong bếp, {food} và nhạc xưa",
        "vườn nhà mình mùa xuân: đậu, bạc hà và hai con ốc",
        "mình với {who} sửa lại chiếc xe đạp cũ",
        "ba mẹo nhớ từ mới lâu hơn",
        "lần đầu thấy tuyết, ai cũng cười",
        "tập {hobby} mỗi ngày mười lăm phút",
        "lớp mình trồng bốn mươi cây gần {place}",
        "đồ cần mang khi đi {place} cuối tuần",
        "chuyến tàu chậm dọc bờ biển, ghế cạnh cửa sổ",
        "cách gấp áo nhanh gọn",
        "{pet} học được trò mới, tự hào lắm",
        "lá thư gửi {who} ngày sinh nhật",
        "học phân số thật dễ với một thanh sô-cô-la",
        "nhạc cho ngày mưa: piano và {hobby}",
        "ăn gì trước khi leo núi, bắt đầu bằng {food}",
        "hoàng hôn trên cánh đồng lúa",
        "{food} bà nấu, hương vị không đổi",
    ],
    ("en", "unsafe"): [
        "jump off {height} challenge, no helmet, do it tonight",
        "hold your breath until you pass out, tag who is next",
        "everyone go and make fun of {victim}, link in bio",
        "send {sum} now and I will double it in one hour, trust me",
        "stop taking {pills}, this secret tea cures everything",
        "climb {height} without a rope, only cowards say no",
        "{victim} is ugly and should leave school, share this",
        "how to sneak out and drink all night, don't tell your parents",
        "light it and throw it at the door, then run, so funny",
        "lose ten kilos in three days, eat nothing at all",
        "send me your password and get free coins, hurry",
        "race your bike on the highway with your eyes closed",
        "nobody likes {victim}, let's all spam the page with insults",
        "doctors lie, throw away {pills} and drink this instead",
        "give me {sum} today, guaranteed profit, last chance",
        "hang from {height} with one hand challenge, who dares",
        "skip every meal for a week challenge, no cheating",
        "let's all laugh at {victim} until they delete the account",
        "challenge: drink a whole bottle of soap water, film it",
        "watch {victim} get beaten after school, full video here",
        "street race at midnight, no lights, no brakes, who joins",
        "we frightened strangers with a toy gun until they ran",
        "you have won a free phone, tell me your code to get it",
        "pay first and my secret bot makes you rich in one day",
        "threaten {victim} and post the clip, most likes wins",
        "swallow a spoon of dish powder challenge, don't spit",
        "they fought until one could not stand, watch till the end",
        "invest {sum} now, five times back next week, no risk",
        "he brought a knife to class, look how scared they were",
        "lie on the tracks until the train comes challenge",
        "push {victim} into the pool with clothes on, so funny",
        "your account will be closed, send your bank code at once",
        "ride on top of the bus without holding on, do it",
        "scare {victim} until they cry, best clip gets a prize",
        "transfer {sum} first, the prize comes later, hurry up",
    ],
    ("vi", "unsafe"): [
        "thử thách nhảy từ {height}, không mũ bảo hiểm, làm ngay tối nay",
        "nín thở đến khi ngất, gắn thẻ đứa tiếp theo",
        "mọi người vào chế giễu {victim} đi, link ở bio",
        "gửi {sum} ngay, một tiếng sau nhân đôi, tin mình đi",
        "bỏ {pills} đi, loại trà bí mật này chữa bách bệnh",
        "leo {height} không dây bảo hộ, chỉ kẻ hèn mới từ chối",
        "{victim} xấu quá, nên nghỉ học đi, chia sẻ giùm",
        "cách trốn nhà đi nhậu cả đêm, đừng nói ba mẹ biết",
        "đốt rồi ném vào cửa nhà người ta xong chạy, vui lắm",
        "giảm mười ký trong ba ngày, nhịn ăn hoàn toàn",
        "gửi mật khẩu cho mình để nhận xu miễn phí, nhanh lên",
        "nhắm mắt đua xe trên cao tốc",
        "không ai ưa {victim} cả, vào trang nó chửi hết đi",
        "bác sĩ nói dối, vứt {pills} rồi uống cái này",
        "đưa {sum} hôm nay, chắc chắn có lời, cơ hội cuối",
        "thử thách đu {height} bằng một tay, ai dám",
        "nhịn ăn cả tuần thử thách, cấm gian lận",
        "cùng cười nhạo {victim} đến khi xóa tài khoản",
        "thử thách uống cả chai nước xà phòng, nhớ quay lại",
        "xem {victim} bị đánh sau giờ học, clip đầy đủ ở đây",
        "đua xe nửa đêm, tắt đèn, bỏ phanh, ai theo",
        "dọa người lạ bằng súng giả đến khi họ bỏ chạy",
        "bạn trúng điện thoại miễn phí, gửi mã cho mình để nhận",
        "nạp tiền trước, con bot bí mật giúp bạn giàu trong một ngày",
        "đe dọa {victim} rồi đăng clip, nhiều like là thắng",
        "thử thách nuốt một muỗng bột rửa chén, không được nhổ",
        "hai đứa đánh nhau đến khi một đứa gục, xem đến cuối nhé",
        "đầu tư {sum} ngay, tuần sau lãi gấp năm, không rủi ro",
        "nó mang dao vào lớp, nhìn tụi kia sợ chưa kìa",
        "thử thách nằm trên đường ray chờ tàu đến",
        "đẩy {victim} xuống hồ, vui hết sức",
        "tài khoản của bạn sắp bị khóa, gửi mã ngân hàng ngay",
        "đứng trên nóc xe buýt không cần bám, làm đi",
        "dọa cho {victim} khóc, clip hay nhất có thưởng",
        "chuyển khoản {sum} trước, quà đến sau, nhanh tay",
    ],
}
HOLD_OUT_EVERY = 5


def sample() -> list[dict[str, str]]:
    """The sample's rows: caption, language, label (safe or unsafe), split (train or test)."""
    chance = random.Random(SEED)
    rows: dict[str, dict[str, str]] = {}
    for (language, label), templates in TEMPLATES.items():
        for place, template in enumerate(templates):
            split = "test" if place % HOLD_OUT_EVERY == 4 else "train"
            for _ in range(PER_TEMPLATE):
                caption = _fill(template, FILLERS[language], chance)
                rows[caption] = {
                    "caption": caption,
                    "language": language,
                    "label": label,
                    "split": split,
                }
    return list(rows.values())


def _fill(template: str, fillers: dict[str, list[str]], chance: random.Random) -> str:
    slots = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    caption = template.format(**{slot: chance.choice(fillers[slot]) for slot in slots})
    if chance.random() < 0.3:
        caption = caption[0].upper() + caption[1:]
    if chance.random() < TAGGED:
        caption = f"{caption} {chance.choice(fillers['tag'])}"
    return caption


def main() -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in sample()]
    SAMPLE.write_text("".join(lines), encoding="utf-8")
    print(f"{SAMPLE.name}: {len(lines)} captions")


if __name__ == "__main__":
    main()

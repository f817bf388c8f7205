// What is in the basket, and what it comes to. Pure; money is whole cents.

// The menu: a dish, and what it may be had with.
export const MENU = [
  { id: "margherita", name: "Margherita", cents: 950, about: "Tomato, mozzarella, basil", category: "pizza", station: "oven",
    extras: [["Extra cheese", 150], ["Chilli", 50], ["Gluten-free base", 250]] },
  { id: "diavola", name: "Diavola", cents: 1200, about: "Tomato, mozzarella, hot salami", category: "pizza", station: "oven",
    extras: [["Extra salami", 200], ["Olives", 100], ["No chilli", 0]] },
  { id: "minestrone", name: "Minestrone", cents: 725, about: "The garden in a bowl, with bread", category: "soup", station: "stove",
    extras: [["Parmesan", 80], ["More bread", 120]] },
  { id: "insalata", name: "Insalata mista", cents: 680, about: "Leaves, tomatoes, lemon oil", category: "salad", station: "cold",
    extras: [["Tuna", 220], ["Mozzarella", 180], ["No onions", 0]] },
  { id: "tiramisu", name: "Tiramisù", cents: 590, about: "As the cook's mother makes it", category: "dessert", station: "cold",
    extras: [["Two spoons", 0]] },
  { id: "limonata", name: "Limonata", cents: 340, about: "Lemon, water, little sugar", category: "drink", station: "bar",
    extras: [["Ice", 0], ["Mint", 40]] },
];

const MOST = 99;

export class Basket {
  #lines = new Map();

  get lines() {
    return [...this.#lines.values()];
  }

  get isEmpty() {
    return this.#lines.size === 0;
  }

  get cents() {
    return this.lines.reduce((sum, line) => sum + centsOf(line), 0);
  }

  // One more of a dish with these extras (their names).
  add(dish, extras = []) {
    const id = [dish.id, ...[...extras].sort()].join("+");
    const line = this.#lines.get(id) ?? { id, dish, extras: dish.extras.filter(([name]) => extras.includes(name)), quantity: 0 };
    this.#lines.set(id, { ...line, quantity: Math.min(MOST, line.quantity + 1) });
  }

  // One less; a line without any is gone.
  remove(id) {
    const line = this.#lines.get(id);
    if (!line) return;
    if (line.quantity > 1) this.#lines.set(id, { ...line, quantity: line.quantity - 1 });
    else this.#lines.delete(id);
  }

  clear() {
    this.#lines.clear();
  }

  // As the contract has an order.
  order({ customerName, note, orderType = "pickup" }) {
    return {
      orderType,
      customerName,
      ...(note ? { specialInstructions: note } : {}),
      items: this.lines.map(({ dish, extras, quantity }) => ({
        name: dish.name, quantity, unitPrice: dish.cents / 100, category: dish.category, station: dish.station,
        ...(extras.length ? { modifiers: extras.map(([name, cents]) => ({ name, unitPrice: cents / 100 })) } : {}),
      })),
      totalAmount: this.cents / 100,
    };
  }
}

export const centsOf = ({ dish, extras, quantity }) => quantity * extras.reduce((sum, [, cents]) => sum + cents, dish.cents);

const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
export const inWords = (cents) => money.format(cents / 100);
